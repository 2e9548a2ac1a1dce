import { staleCode } from '@tessera-llm/native';
import { byteSize } from '../../dtype';
import { TensorError } from '../../errors';
import { sizeOf } from '../../shape';
import type { BackendPlan, Block, NDArray, PlanInputs, Recorded } from '../contract';
import type { NativeCalls } from './calls';
import type { NativeBlock, NativeMemory, Recorder } from './memory';

/** Words of a cache line: each host array of a plan starts on one. */
const line = 16;

/** Keeps the calls of one pass, and the memory that they work in. */
class PlanRecorder implements Recorder {
  /** The plan as the addon reads it. */
  readonly calls: number[] = [];
  /** What the calls read and did not make. */
  readonly outer = new Set<NativeBlock>();
  /** Memory of the plan, by address. */
  readonly own = new Set<number>();
  /** Where the host arrays lie, each at its start. */
  readonly #host: number;
  readonly #hostWords: Int32Array;
  readonly #starts: readonly number[];
  /** What the calls did not make and use in packed form. */
  readonly packed = new Set<Block>();
  /** Why the pass can't be run again, if so. */
  failure: string | null = null;
  readonly #inner = new WeakSet<NativeBlock>();
  /** Addresses that the pass gave back and may take again, by size. */
  readonly #idle = new Map<number, number[]>();

  constructor(
    readonly memory: NativeMemory,
    readonly arrays: readonly Int32Array[],
  ) {
    let words = 0;
    this.#starts = arrays.map(({ length }) => {
      const start = words;
      words += Math.ceil(length / line) * line;
      return start;
    });
    this.#host = memory.addon.allocate(words * 4);
    if (this.#host === 0) throw new TensorError('out_of_memory', `[native] could not allocate ${words * 4} bytes`);
    this.own.add(this.#host);
    this.#hostWords = new Int32Array(memory.addon.view(this.#host));
  }

  fail(reason: string): void {
    this.failure ??= reason;
  }

  allocate(bytes: number): number {
    const { addon } = this.memory;
    const address = this.#idle.get(bytes)?.pop() ?? addon.allocate(bytes);
    if (address === 0) return 0;
    addon.retain(address);
    this.own.add(address);
    return address;
  }

  made(block: NativeBlock): void {
    this.#inner.add(block);
  }

  uses(block: NativeBlock): void {
    if (!this.#inner.has(block)) this.outer.add(block);
  }

  packs(block: NativeBlock): void {
    // The pass writes its own memory before this call, whenever it runs, and in this run perhaps held another weight there: it
    // takes addresses again that are never released meanwhile.
    if (this.#inner.has(block)) this.memory.invalidate(block);
    else this.packed.add(block);
  }

  freed(block: NativeBlock): void {
    const { address, byteLength } = block;
    if (this.outer.has(block)) this.fail('a tensor from outside is freed');
    if (!this.own.has(address)) return;
    const idle = this.#idle.get(byteLength) ?? [];
    idle.push(address);
    this.#idle.set(byteLength, idle);
  }

  calling(kernel: number, args: Float64Array, count: number): void {
    const { calls } = this;
    calls.push(kernel, count);
    for (let i = 0; i < count; i++) calls.push(args[i] as number);
  }

  stale(address: number): void {
    this.calls.push(staleCode, 1, address);
  }

  hostInts(arrays: readonly Int32Array[]): number[] | null {
    const places = arrays.map((array) => this.arrays.indexOf(array));
    if (!places.includes(-1)) return places.map((i) => this.#host + (this.#starts[i] ?? 0) * 4);
    this.fail('a kernel reads a host array that is no input');
    return null;
  }

  /** Host arrays for the calls, as long as the first ones. */
  setHost(arrays: readonly Int32Array[]): void {
    const same = (array: Int32Array, i: number): boolean => array.length === this.arrays[i]?.length;
    if (arrays.length !== this.arrays.length || !arrays.every(same)) {
      const lengths = (all: readonly Int32Array[]): string => all.map((array) => array.length).join(', ');
      throw new TensorError(
        'shape',
        `[plan] expected host arrays of ${lengths(this.arrays)} entries, as recorded, got ${lengths(arrays)}`,
      );
    }
    arrays.forEach((array, i) => this.#hostWords.set(array, this.#starts[i] ?? 0));
  }

  /** Lets go of the plan's memory. */
  release(): void {
    this.memory.addon.detach(this.#hostWords.buffer as ArrayBuffer);
    for (const address of this.own) this.memory.addon.release(address);
  }
}

/** Calls that the addon runs one after another. */
class NativePlan implements BackendPlan {
  readonly #calls: NativeCalls;
  readonly #recorder: PlanRecorder;
  readonly #targets: readonly NDArray[];
  readonly #retained: readonly number[];
  readonly #records: number;
  readonly #words: number;
  readonly #copyId: number;
  /** `plannedFrees` when `usable` last looked at the blocks, which are hundreds. */
  #looked = -1;
  #alive = true;

  constructor(calls: NativeCalls, recorder: PlanRecorder, targets: readonly NDArray[]) {
    const { addon } = calls;
    this.#calls = calls;
    this.#recorder = recorder;
    this.#targets = targets;
    this.#copyId = calls.kernel('strided_copy');
    this.#words = recorder.calls.length;
    this.#records = addon.allocate(this.#words * 8);
    if (this.#records === 0) {
      throw new TensorError('out_of_memory', `[native] could not allocate ${this.#words * 8} bytes for a plan`);
    }
    addon.write(this.#records, 0, new Uint8Array(Float64Array.from(recorder.calls).buffer));
    this.#retained = Array.from(recorder.outer, (block) => block.address);
    for (const address of this.#retained) addon.retain(address);
    for (const block of recorder.outer) block.planned = true;
  }

  get usable(): boolean {
    const { plannedFrees } = this.#calls.memory;
    if (!this.#alive || plannedFrees === this.#looked) return this.#alive;
    for (const block of this.#recorder.outer) if (block.address === 0) return false;
    this.#looked = plannedFrees;
    return true;
  }

  run({ arrays, tensors }: PlanInputs): void {
    if (!this.usable) throw new TensorError('disposed', '[plan] the plan, or memory that it reads, was freed');
    this.#calls.memory.recorder?.fail('another plan runs');
    this.#recorder.setHost(arrays);
    const targets = this.#targets;
    const fits = (x: NDArray, i: number): boolean =>
      `${x.shape}` === `${targets[i]?.shape}` && x.dtype === targets[i]?.dtype;
    if (tensors.length !== targets.length || !tensors.every(fits)) {
      const show = (all: readonly NDArray[]): string => all.map((x) => `(${x.shape}) ${x.dtype}`).join(', ');
      throw new TensorError('shape', `[plan] expected tensors ${show(targets)}, as recorded, got ${show(tensors)}`);
    }
    const { memory } = this.#calls;
    tensors.forEach((x, i) => {
      const target = targets[i];
      if (target === undefined) return;
      const places = [memory.address(x), memory.address(target), byteSize[x.dtype]];
      this.#calls.call(this.#copyId, [...places, 1, sizeOf(x.shape), 1, 1]);
      if (this.#recorder.packed.has(target.block)) memory.invalidate(target.block);
    });
    this.#calls.check(this.#calls.addon.runPlan(this.#records, this.#words));
  }

  dispose(): void {
    if (!this.#alive) return;
    this.#alive = false;
    const { addon } = this.#calls;
    addon.release(this.#records);
    for (const address of this.#retained) addon.release(address);
    this.#recorder.release();
  }
}

/** `Backend.record` of the addon. */
export function recordPlan<T>(calls: NativeCalls, { arrays, tensors }: PlanInputs, fn: () => T): Recorded<T> {
  const { memory } = calls;
  if (memory.recorder !== null) return { result: fn(), plan: null, reason: 'another plan is being recorded' };
  const recorder = new PlanRecorder(memory, arrays);
  memory.recorder = recorder;
  try {
    recorder.setHost(arrays);
    const result = fn();
    if (recorder.failure === null) return { result, plan: new NativePlan(calls, recorder, tensors), reason: null };
    recorder.release();
    return { result, plan: null, reason: recorder.failure };
  } catch (error) {
    recorder.release();
    throw error;
  } finally {
    memory.recorder = null;
  }
}
