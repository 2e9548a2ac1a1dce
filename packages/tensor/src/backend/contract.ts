/** What a backend is. */
import type { Block, NDArray } from './arguments';
import type { Kernels } from './kernels';

export type * from './arguments';
export type * from './kernels';

/** Parts of the numerics contract that a backend keeps; tests and engines read it. */
export interface Guarantees {
  /** A row's result does not depend on the other rows, on chunking or on the cache. */
  readonly rowInvariant: boolean;
  /** The same bits for every thread count. */
  readonly threadInvariant: boolean;
  /** Memory is the process's own: `readSync` exists. */
  readonly syncReads: boolean;
}

/** A memory handle that `postMessage` can carry to another thread of this process. */
export type ShareHandle =
  | { readonly kind: 'native'; readonly handle: bigint; readonly byteLength: number }
  | { readonly kind: 'buffer'; readonly buffer: SharedArrayBuffer };

/** What a plan takes anew each time. */
export interface PlanInputs {
  /** Host arrays that kernels read. */
  readonly arrays: readonly Int32Array[];
  /** When a plan is recorded: the arrays that its kernels read. When it runs: what is copied into these first. */
  readonly tensors: readonly NDArray[];
}

/** Recorded kernels. They work in the plan's own memory, so that each run overwrites what the one before made. */
export interface BackendPlan {
  /** False once memory that the kernels read was freed. */
  readonly usable: boolean;
  /**
   * @throws TensorError `shape` for inputs unlike the recorded ones, `disposed`. Values of host arrays are not checked.
   */
  run(inputs: PlanInputs): void;
  dispose(): void;
}

/** What `Backend.record` gives: fn's result, and a plan or the reason that there is none. */
export type Recorded<T> =
  | { readonly result: T; readonly plan: BackendPlan; readonly reason: null }
  | { readonly result: T; readonly plan: null; readonly reason: string };

/** What runs tensors. Nothing above `tensor` knows which one does. */
export interface Backend {
  readonly name: string;
  readonly guarantees: Guarantees;
  readonly kernels: Kernels;
  /** Copies raw bytes (little-endian elements) into a new block. */
  upload(bytes: Uint8Array): Block;
  /** A copy of raw bytes of a block. */
  read(block: Block, byteOffset: number, byteLength: number): Promise<Uint8Array>;
  /** As read, where guarantees.syncReads holds; else throws. */
  readSync(block: Block, byteOffset: number, byteLength: number): Uint8Array;
  /** Overwrites raw bytes in place. */
  write(block: Block, byteOffset: number, bytes: Uint8Array): void;
  free(block: Block): void;
  /** Live bytes, and the most there ever were since the last reset. */
  memory(): { liveBytes: number; peakBytes: number; reservedBytes: number };
  resetPeak(): void;
  /** Makes a block's memory reachable from other threads; the block stays valid here. */
  share(block: Block): ShareHandle;
  /** Joins memory shared by another thread; free() releases this thread's reference only. */
  attach(handle: ShareHandle): Block;
  /** Called after an in-place write: packed forms of the block are stale. */
  invalidate(block: Block): void;
  /**
   * Runs fn and records its kernels, for a backend that can run them again without fn. There is no plan where fn does
   * what such a run would miss: takes values from the host other than the inputs' or gives some to it.
   */
  record?<T>(inputs: PlanInputs, fn: () => T): Recorded<T>;
  threads(): number;
  setThreads(count: number): void;
}
