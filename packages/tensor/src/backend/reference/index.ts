import type { Backend, Kernels } from '../contract';
import { undoing } from '../undo';
import { attentionKernels } from './attention';
import { crossEntropyKernels } from './cross-entropy';
import { followedKernels } from './epilogue';
import { elementwiseKernels, inPlaceKernels } from './elementwise';
import { indexingKernels } from './indexing';
import { lowRankKernels } from './low-rank';
import { matmulKernels } from './matmul';
import { type KernelMemory, ReferenceMemory } from './memory';
import { moeKernels } from './moe';
import { normKernels } from './norms';
import { optimizeKernels } from './optimize';
import { quantizedKernels } from './quantized';
import { randomKernels } from './random';
import { reduceKernels } from './reduce';
import { shapeKernels } from './shape';
import { softmaxKernels } from './softmax';
import { sortKernels } from './sort';
import { transformerKernels } from './transformer';

export type { KernelMemory } from './memory';

/** The plain-TypeScript kernels on any memory that typed arrays can see; the table is total. */
export function referenceKernels(memory: KernelMemory): Kernels {
  const products = { ...matmulKernels(memory), ...quantizedKernels(memory) };
  return {
    ...products,
    ...followedKernels(memory, products),
    ...attentionKernels(memory),
    ...crossEntropyKernels(memory),
    ...elementwiseKernels(memory),
    ...inPlaceKernels(memory),
    ...indexingKernels(memory),
    ...lowRankKernels(memory),
    ...moeKernels(memory),
    ...normKernels(memory),
    ...optimizeKernels(memory),
    ...randomKernels(memory),
    ...reduceKernels(memory),
    ...shapeKernels(memory),
    ...softmaxKernels(memory),
    ...sortKernels(memory),
    ...transformerKernels(memory),
  };
}

/** The backend in plain TypeScript: correct, everywhere, and slow. */
export function createReferenceBackend(): Backend {
  const memory = new ReferenceMemory();
  return {
    name: 'reference',
    guarantees: { rowInvariant: true, threadInvariant: true, syncReads: true },
    kernels: undoing(memory, referenceKernels(memory)),
    upload(bytes) {
      const block = memory.allocateBlock(bytes.byteLength);
      memory.bytes(block, 0, bytes.byteLength).set(bytes);
      return block;
    },
    read: async (block, offset, length) => memory.bytes(block, offset, length).slice(),
    readSync: (block, offset, length) => memory.bytes(block, offset, length).slice(),
    write: (block, offset, bytes) => memory.bytes(block, offset, bytes.byteLength).set(bytes),
    free: (block) => memory.free(block),
    memory: () => ({ liveBytes: memory.liveBytes, peakBytes: memory.peakBytes, reservedBytes: memory.liveBytes }),
    resetPeak: () => memory.resetPeak(),
    share: (block) => memory.share(block),
    attach: (handle) => memory.attach(handle),
    // Nothing is kept packed, and there is one thread.
    invalidate: () => {},
    threads: () => 1,
    setThreads: () => {},
  };
}
