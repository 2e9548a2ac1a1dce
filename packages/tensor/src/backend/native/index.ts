import { loadNative, type NativeAddon } from '@tessera-llm/native';
import type { Backend, Kernels } from '../contract';
import { referenceKernels } from '../reference/index';
import { undoing } from '../undo';
import { attentionKernels } from './attention';
import { NativeCalls } from './calls';
import { fusedKernels } from './fused';
import { lossKernels } from './losses';
import { lowRankKernels } from './low-rank';
import { matmulKernels } from './matmul';
import { widenedBy } from './widened';
import { NativeMemory } from './memory';
import { recordPlan } from './plan';
import { moeKernels } from './moe';
import { reduceKernels } from './reduce';
import { selectKernels } from './select';
import { shapeKernels } from './shape';
import { quantizedKernels } from './quantized';

/** The native backend, or why there is none. */
export type LoadedBackend =
  | { readonly ok: true; readonly backend: Backend }
  | { readonly ok: false; readonly reason: string };

function createNativeBackend(addon: NativeAddon): Backend {
  const memory = new NativeMemory(addon);
  const calls = new NativeCalls(memory);
  // Kernels that the addon does not have run in TypeScript on the addon's memory.
  const host = referenceKernels(memory);
  const widened = widenedBy(calls, (x) => host.cast(x, 'float32'));
  const moved = shapeKernels(calls);
  const kernels: Kernels = {
    ...host,
    ...matmulKernels(calls, widened),
    ...moved,
    ...fusedKernels(calls, host, moved.broadcastTo),
    ...lossKernels(calls, host),
    ...attentionKernels(calls, widened, host.cast),
    ...lowRankKernels(calls),
    ...moeKernels(calls),
    ...reduceKernels(calls, host, moved.permute),
    ...selectKernels(calls, host),
    ...quantizedKernels(calls, widened),
  };
  return {
    name: 'native',
    guarantees: { rowInvariant: true, threadInvariant: true, syncReads: true },
    kernels: undoing(memory, kernels),
    upload: (bytes) => memory.upload(bytes),
    read: async (block, offset, length) => memory.read(block, offset, length),
    readSync: (block, offset, length) => memory.read(block, offset, length),
    write: (block, offset, bytes) => memory.write(block, offset, bytes),
    free: (block) => memory.free(block),
    memory() {
      addon.memory();
      const [liveBytes = 0, peakBytes = 0, reservedBytes = 0] = addon.args;
      return { liveBytes, peakBytes, reservedBytes };
    },
    resetPeak: () => addon.resetPeak(),
    share: (block) => memory.share(block),
    attach: (handle) => memory.attach(handle),
    invalidate: (block) => memory.invalidate(block),
    record: (inputs, fn) => recordPlan(calls, inputs, fn),
    threads: () => addon.threads(),
    setThreads: (count) => addon.setThreads(count),
  };
}

let loaded: LoadedBackend | undefined;

/** Loads the addon of @tessera-llm/native, once a thread; the first outcome is kept. */
export function loadNativeBackend(): LoadedBackend {
  if (loaded === undefined) {
    const native = loadNative();
    loaded = native.ok ? { ok: true, backend: createNativeBackend(native.addon) } : native;
  }
  return loaded;
}
