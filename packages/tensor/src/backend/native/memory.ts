import type { NativeAddon } from '@tessera-llm/native';
import { type DType, type RawArrays, byteSize } from '../../dtype';
import { TensorError } from '../../errors';
import { sizeOf } from '../../shape';
import type { Block, NDArray, ShareHandle } from '../contract';
import type { KernelMemory } from '../reference/memory';
import type { UndoMemory } from '../undo';

/** Memory of the addon, known by its address; 0 once freed. */
export class NativeBlock implements Block {
  /** An ArrayBuffer over the memory, made when a host kernel first looks at it. */
  view: ArrayBuffer | null = null;
  /** A plan reads it. */
  planned = false;

  constructor(
    public address: number,
    readonly byteLength: number,
  ) {}
}

function blockOf(block: Block): NativeBlock {
  if (!(block instanceof NativeBlock)) throw new TensorError('backend', '[native] got memory of another backend');
  if (block.address === 0) throw new TensorError('disposed', '[native] the memory was freed');
  return block;
}

/** Sees what kernels do while a plan is recorded. */
export interface Recorder {
  /** Memory for a block that the plan keeps: an address, or 0. */
  allocate(bytes: number): number;
  made(block: NativeBlock): void;
  /** A kernel is about to get the block's address. */
  uses(block: NativeBlock): void;
  /** A kernel is about to get the address of a block by which it keeps packed forms. */
  packs(block: NativeBlock): void;
  freed(block: NativeBlock): void;
  /** A kernel is about to run with the first `count` arguments. */
  calling(kernel: number, args: Float64Array, count: number): void;
  /** Packed forms of the block are stale. */
  stale(address: number): void;
  /** Where the plan keeps these host arrays; null if they are no inputs of it. */
  hostInts(arrays: readonly Int32Array[]): number[] | null;
  /** What just happened would not happen again if the plan ran. */
  fail(reason: string): void;
}

/** Blocks of the addon's caching allocator; host kernels see them as typed arrays in place. */
export class NativeMemory implements KernelMemory, UndoMemory {
  recorder: Recorder | null = null;
  made: Block[] | null = null;
  /** How many blocks that plans read were freed. */
  plannedFrees = 0;

  constructor(readonly addon: NativeAddon) {}

  allocateBlock(byteLength: number): Block {
    const address = (this.recorder ?? this.addon).allocate(byteLength);
    if (address === 0) {
      throw new TensorError('out_of_memory', `[native] could not allocate ${byteLength} bytes`);
    }
    const block = new NativeBlock(address, byteLength);
    this.recorder?.made(block);
    this.made?.push(block);
    return block;
  }

  allocate<D extends DType>(shape: readonly number[], dtype: D): NDArray<D> {
    return { block: this.allocateBlock(sizeOf(shape) * byteSize[dtype]), offset: 0, shape, dtype };
  }

  /** Address of the array's first element. */
  address(x: NDArray): number {
    return this.base(x) + x.offset * byteSize[x.dtype];
  }

  /** Address of the block that holds the array. */
  base(x: NDArray): number {
    const block = blockOf(x.block);
    this.recorder?.uses(block);
    return block.address;
  }

  /** As `base`, of a weight: kernels keep packed forms by this address until it is invalidated or freed. */
  packable(x: NDArray): number {
    this.recorder?.packs(blockOf(x.block));
    return this.base(x);
  }

  raw<D extends DType>(x: NDArray<D>): RawArrays[D] {
    const block = blockOf(x.block);
    this.recorder?.fail('a kernel runs on the host');
    block.view ??= this.addon.view(block.address);
    const buffer = block.view;
    const start = x.offset * byteSize[x.dtype];
    const size = sizeOf(x.shape);
    const views: { readonly [E in DType]: () => RawArrays[E] } = {
      float32: () => new Float32Array(buffer, start, size),
      bfloat16: () => new Uint16Array(buffer, start, size),
      float16: () => new Uint16Array(buffer, start, size),
      int32: () => new Int32Array(buffer, start, size),
      uint8: () => new Uint8Array(buffer, start, size),
      bool: () => new Uint8Array(buffer, start, size),
    };
    return views[x.dtype]();
  }

  upload(bytes: Uint8Array): Block {
    this.recorder?.fail('values come from the host');
    const block = this.allocateBlock(bytes.byteLength);
    this.addon.write(blockOf(block).address, 0, bytes);
    return block;
  }

  read(block: Block, byteOffset: number, byteLength: number): Uint8Array {
    const { address } = blockOf(block);
    checkRange(block, byteOffset, byteLength);
    this.recorder?.fail('values go to the host');
    const bytes = new Uint8Array(byteLength);
    this.addon.read(address, byteOffset, bytes);
    return bytes;
  }

  write(block: Block, byteOffset: number, bytes: Uint8Array): void {
    const { address } = blockOf(block);
    checkRange(block, byteOffset, bytes.byteLength);
    this.recorder?.fail('values come from the host');
    this.addon.write(address, byteOffset, bytes);
    this.addon.invalidate(address);
  }

  invalidate(block: Block): void {
    const { address } = blockOf(block);
    this.recorder?.stale(address);
    this.addon.invalidate(address);
  }

  free(block: Block): void {
    if (!(block instanceof NativeBlock) || block.address === 0) return;
    // Typed arrays over the memory must not outlive it.
    if (block.view !== null) this.addon.detach(block.view);
    block.view = null;
    this.recorder?.freed(block);
    if (block.planned) this.plannedFrees++;
    this.addon.release(block.address);
    block.address = 0;
  }

  share(block: Block): ShareHandle {
    this.recorder?.fail('memory is shared');
    return { kind: 'native', handle: this.addon.share(blockOf(block).address), byteLength: block.byteLength };
  }

  attach(handle: ShareHandle): Block {
    if (handle.kind !== 'native') {
      throw new TensorError('backend', `[native] expected a handle of native memory, got one of kind '${handle.kind}'`);
    }
    const address = this.addon.attach(handle.handle);
    if (address === 0) {
      throw new TensorError(
        'disposed',
        '[native] the shared memory is gone; keep the tensor until the other thread has attached it',
      );
    }
    return new NativeBlock(address, this.addon.args[0] as number);
  }
}

function checkRange(block: Block, byteOffset: number, byteLength: number): void {
  if (byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= block.byteLength) return;
  throw new TensorError(
    'value',
    `[native] expected bytes within 0 … ${block.byteLength}, got ${byteOffset} … ${byteOffset + byteLength}`,
  );
}
