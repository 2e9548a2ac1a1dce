/**
 * The addon as it stands: functions over memory by address, kernels by number. Addresses are numbers below 2^53 and are
 * checked to be live blocks of this thread wherever bytes move, except in the argument record of `run`.
 *
 * Functions throw an Error whose `code` is `value` for an argument that makes no sense (an address that is no live
 * block), `index_out_of_range` for bytes outside the block, `out_of_memory`, or `unsupported` where the runtime has no
 * external array buffers.
 */
export interface NativeAddon {
  /** Version of this interface; the loader checks it. */
  readonly abi: number;
  /**
   * Instruction family that the kernels were chosen for: baseline, avx2, avx512, avx512vnni, avx512bf16, amx or neon.
   */
  readonly isa: string;
  /** The argument record of this thread: fill it, then `run`. Each kernel's comment in C++ lists its places. */
  readonly args: Float64Array;
  /** Kernel numbers by name. */
  readonly kernels: Readonly<Record<string, number>>;
  /** Runs a kernel: undefined when done, else a status (see `statusNames`); `lastError()` has the message. */
  run(kernel: number): number | undefined;
  /**
   * Runs a plan, the first `words` float64 of a block: calls one after another, each a kernel's number (or
   * `staleCode`), how many arguments it has, and these. Stops at the first that fails; results as of `run`.
   */
  runPlan(address: number, words: number): number | undefined;
  /** The message of this thread's last status that was not ok. */
  lastError(): string;
  /** Uninitialised memory, 64-byte aligned; 0 where the system has none. */
  allocate(bytes: number): number;
  /** One more reference of this thread. */
  retain(address: number): void;
  /** Gives up one reference of this thread. */
  release(address: number): void;
  /** An ArrayBuffer over the block. `detach` it before the block is released. */
  view(address: number): ArrayBuffer;
  /** Empties the ArrayBuffer of `view`; the block stays. */
  detach(buffer: ArrayBuffer): void;
  /** Copies from the block into bytes. */
  read(address: number, byteOffset: number, bytes: Uint8Array): void;
  /** Copies bytes into the block. */
  write(address: number, byteOffset: number, bytes: Uint8Array): void;
  /** A process-wide name of the block, for other threads. */
  share(address: number): bigint;
  /** Joins a shared block: its address, its bytes in args[0]; 0 if the block is gone. */
  attach(handle: bigint): number;
  /** The block was written in place: packed forms made from it are dropped. */
  invalidate(address: number): void;
  /** Live, peak and reserved bytes of the process into args[0…2]. */
  memory(): void;
  /** The peak starts again from the bytes that live now. */
  resetPeak(): void;
  /** Gives cached memory back to the system. */
  trim(): void;
  /** Threads that kernels run on, the calling one included. */
  threads(): number;
  /** Sets their number for the process: 1 to 256. */
  setThreads(count: number): void;
}

/** Names of the statuses that `run` gives, by number. */
export const statusNames = ['ok', 'value', 'dtype', 'index_out_of_range', 'out_of_memory', 'unknown_kernel'] as const;

/** In the place of a kernel in a plan: what `invalidate` does, with the address as its one argument. */
export const staleCode = -1;

/** dtype codes in argument records. */
export const dtypeCodes = {
  float32: 0,
  bfloat16: 1,
  float16: 2,
  int32: 3,
  uint8: 4,
  bool: 5,
} as const;

/** Compute codes in argument records. */
export const computeCodes = { float32: 0, bfloat16: 1 } as const;

/** Codes of quantised formats in argument records. */
export const quantCodes = { Q8_0: 0, Q4_0: 1, Q4_1: 2, Q4_K: 3, Q6_K: 4, int8: 5 } as const;

/** Codes of what becomes of the other operand of a quantised weight. */
export const activationCodes = { float32: 0, bfloat16: 1, int8: 2 } as const;
