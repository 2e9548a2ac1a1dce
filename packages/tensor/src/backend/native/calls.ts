import { type NativeAddon, statusNames } from '@tessera-llm/native';
import { TensorError, type TensorErrorCode } from '../../errors';
import type { NDArray } from '../contract';
import type { NativeMemory } from './memory';

/** True if every array given is float32, what most kernels of the addon take. */
export const allFloat32 = (...xs: readonly (NDArray | null)[]): boolean =>
  xs.every((x) => x === null || x.dtype === 'float32');

const errorCodes: Readonly<Record<(typeof statusNames)[number], TensorErrorCode>> = {
  ok: 'backend',
  value: 'value',
  dtype: 'dtype',
  index_out_of_range: 'index_out_of_range',
  out_of_memory: 'out_of_memory',
  unknown_kernel: 'backend',
};

/** Calls of native kernels: fill `args`, then `run`. While a plan is recorded it sees every call. */
export class NativeCalls {
  readonly args: Float64Array;
  readonly addon: NativeAddon;
  /** Scratch in native memory for host arrays that a kernel reads. */
  #hostBlock = 0;
  #hostWords = new Int32Array(0);

  constructor(readonly memory: NativeMemory) {
    this.addon = memory.addon;
    this.args = memory.addon.args;
  }

  /** The number of a kernel, looked up once when the table is built. */
  kernel(name: string): number {
    const id = this.addon.kernels[name];
    if (id === undefined)
      throw new TensorError('backend', `[native] the addon has no kernel '${name}'; build it again`);
    return id;
  }

  /** Runs the kernel over the first `count` places of `args`, the ones that it reads. */
  run(kernel: number, count: number): void {
    // Kept before it runs: kernels may write results into their arguments.
    this.memory.recorder?.calling(kernel, this.args, count);
    this.check(this.addon.run(kernel));
  }

  /** As `run`, for a kernel whose results are read from `args`; no part of a plan. */
  ask(kernel: number): void {
    this.check(this.addon.run(kernel));
  }

  /** Throws what a status of the addon says. */
  check(status: number | undefined): void {
    if (status === undefined) return;
    this.memory.recorder?.fail('a kernel fails');
    throw new TensorError(errorCodes[statusNames[status] ?? 'unknown_kernel'], this.addon.lastError());
  }

  /** Runs the kernel over a record of these values. */
  call(kernel: number, values: readonly number[]): void {
    for (let i = 0; i < values.length; i++) this.args[i] = values[i] as number;
    this.run(kernel, values.length);
  }

  /** Address of an array's first element; 0 for none. */
  address(x: NDArray | null): number {
    return x === null ? 0 : this.memory.address(x);
  }

  /** Copies int32 host arrays to native memory and gives their addresses, valid until the next call. */
  hostInts(...arrays: readonly Int32Array[]): number[] {
    const known = this.memory.recorder?.hostInts(arrays) ?? null;
    if (known !== null) return known;
    let words = 0;
    // 16 words are a cache line: each array starts on one.
    const starts = arrays.map((array) => {
      const start = words;
      words += Math.ceil(array.length / 16) * 16;
      return start;
    });
    if (words > this.#hostWords.length) this.#growHost(words);
    arrays.forEach((array, i) => this.#hostWords.set(array, starts[i] as number));
    return starts.map((start) => this.#hostBlock + start * 4);
  }

  #growHost(words: number): void {
    const bytes = Math.max(1 << 16, words * 8);
    const address = this.addon.allocate(bytes);
    if (address === 0) throw new TensorError('out_of_memory', `[native] could not allocate ${bytes} bytes`);
    if (this.#hostBlock !== 0) {
      this.addon.detach(this.#hostWords.buffer as ArrayBuffer);
      this.addon.release(this.#hostBlock);
    }
    this.#hostBlock = address;
    this.#hostWords = new Int32Array(this.addon.view(address));
  }
}
