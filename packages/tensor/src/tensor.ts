import type { Backend, Block, NDArray } from './backend/contract';
import { type DataArrays, type DType, byteSize } from './dtype';
import { TensorError } from './errors';
import { summarize } from './print';
import { decodeRaw } from './raw';
import { showShape, sizeOf } from './shape';
import { state } from './state';

const brand = Symbol.for('tessera.tensor.Tensor');
const inspect = Symbol.for('nodejs.util.inspect.custom');

/** Blocks that nobody disposed go back to their backend when the collector finds their storage. A safety net only. */
const lost = new FinalizationRegistry<Watched>(({ backend, block, alive }) => {
  state.liveTensors -= alive;
  backend.free(block);
});

/** What the collector's callback needs of a storage. It must not hold the storage itself. */
interface Watched {
  readonly backend: Backend;
  readonly block: Block;
  alive: number;
}

/**
 * A block of a backend's memory, how many tensors look at it, and how often it was written in place. Tensors that are
 * views of each other share one; its block goes back to the backend with the last of them.
 *
 * @example
 * ```ts
 * import { addInPlace, reshape, tensor } from '@tessera-llm/tensor';
 * const x = tensor([1, 2]);
 * const view = reshape(x, [2, 1]); // on the same storage
 * addInPlace(view, tensor([[10], [10]]));
 * console.log(await x.data(), x.version); // [11, 12] 1
 * ```
 */
export class Storage {
  refs = 0;
  version = 0;
  #watched: Watched | null = null;
  #alive = 0;

  constructor(
    readonly backend: Backend,
    readonly block: Block,
  ) {}

  /** Lets the collector give the block back if nobody does. Only what lives outside scopes needs it. */
  watch(): void {
    if (this.#watched !== null) return;
    this.#watched = { backend: this.backend, block: this.block, alive: this.#alive };
    lost.register(this, this.#watched, this);
  }

  /** @internal Counts a tensor that is made (1) or disposed (-1). */
  count(step: 1 | -1): void {
    state.liveTensors += step;
    this.#alive += step;
    if (this.#watched !== null) this.#watched.alive = this.#alive;
  }

  release(): void {
    if (--this.refs === 0) {
      if (this.#watched !== null) lost.unregister(this);
      this.backend.free(this.block);
    }
  }
}

/**
 * An n-dimensional array: a storage, an offset, a shape and a dtype, always contiguous and row-major.
 * Reshapes and slices of leading axes share the storage; every other op makes a new one.
 *
 * Tensors are made by functions (`tensor`, `zeros`, …) and by ops, never with `new`.
 *
 * @example
 * ```ts
 * import { add, tensor } from '@tessera-llm/tensor';
 * const x = tensor([[1, 2], [3, 4]]);
 * console.log(await add(x, 1).data()); // Float32Array [2, 3, 4, 5]
 * ```
 */
export class Tensor<D extends DType = DType> implements NDArray<D> {
  readonly [brand] = true;
  /** Number of elements. */
  readonly size: number;
  /** True for leaves that training changes; see `parameter`. Gradients are asked for by name, not by this mark. */
  requiresGrad = false;
  /** @internal Tape that this tensor takes part in; 0: none. */
  tapeId = 0;
  /** @internal Tapes that still need the values. */
  holds = 0;
  /** @internal Kept out of scopes. */
  kept = false;
  private alive = true;

  /** @internal */
  constructor(
    /** @internal */
    readonly storage: Storage,
    /** Elements before the first one in the storage. */
    readonly offset: number,
    /** Extent of each axis. */
    readonly shape: readonly number[],
    /** Element type. */
    readonly dtype: D,
  ) {
    this.size = sizeOf(shape);
    storage.refs++;
    storage.count(1);
    const scope = state.scopes[state.scopes.length - 1];
    if (scope === undefined) storage.watch();
    else scope.push(this);
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** The backend whose memory holds the values. */
  get backend(): Backend {
    return this.storage.backend;
  }

  /** How often the storage was written in place. */
  get version(): number {
    return this.storage.version;
  }

  /** True after `dispose` or the end of the tensor's scope. */
  get disposed(): boolean {
    return !this.alive;
  }

  /** The memory: a tensor is what a backend's kernels take. @throws TensorError `disposed` */
  get block(): Block {
    // Tapes may read a disposed tensor that they hold.
    if (!this.alive && this.holds === 0) this.fail();
    return this.storage.block;
  }

  /**
   * The values, copied to the host; 16-bit floats are widened exactly to float32.
   *
   * @throws TensorError `disposed`
   */
  async data(): Promise<DataArrays[D]> {
    return decodeRaw(await this.bytes(), this.dtype);
  }

  /**
   * The raw little-endian bytes, copied to the host.
   *
   * @throws TensorError `disposed`
   */
  async bytes(): Promise<Uint8Array> {
    if (!this.alive) this.fail();
    const width = byteSize[this.dtype];
    return this.backend.read(this.block, this.offset * width, this.size * width);
  }

  /**
   * The one value of a tensor of size 1.
   *
   * @throws TensorError `shape` for another size, `disposed`.
   */
  async item(): Promise<number> {
    if (this.size !== 1) {
      throw new TensorError(
        'shape',
        `[item] expected a tensor of one element, got ${showShape(this.shape)}; use data()`,
      );
    }
    return Number((await this.data())[0]);
  }

  /**
   * As `data`, at once. For tests and printing: only backends whose memory is the process's own can
   * (`backend.guarantees.syncReads`).
   *
   * @throws TensorError `disposed`
   */
  dataSync(): DataArrays[D] {
    return decodeRaw(this.bytesSync(), this.dtype);
  }

  /** As `bytes`, at once; see `dataSync`. */
  bytesSync(): Uint8Array {
    if (!this.alive) this.fail();
    const width = byteSize[this.dtype];
    return this.backend.readSync(this.block, this.offset * width, this.size * width);
  }

  /** Gives the memory back (a view: its share of it). Twice is fine. */
  dispose(): void {
    if (!this.alive) return;
    this.alive = false;
    this.storage.count(-1);
    if (this.holds === 0) this.storage.release();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  /** @internal A tape keeps the values until `unhold`, whatever is disposed meanwhile. */
  hold(): void {
    if (!this.alive && this.holds === 0) this.fail();
    this.holds++;
  }

  /** @internal */
  unhold(): void {
    if (--this.holds === 0 && !this.alive) this.storage.release();
  }

  /** Shape, dtype and a summary of the values. */
  toString(): string {
    if (!this.alive) return `Tensor(disposed, ${showShape(this.shape)}, ${this.dtype})`;
    const head = `Tensor ${showShape(this.shape)} ${this.dtype} ${this.backend.name}`;
    if (!this.backend.guarantees.syncReads) return head;
    return `${head}\n${summarize(this.dataSync(), this.shape)}`;
  }

  [inspect](): string {
    return this.toString();
  }

  private fail(): never {
    throw new TensorError(
      'disposed',
      `[tensor] a disposed tensor of shape ${showShape(this.shape)} was used; return it from its scope(), or keep() it`,
    );
  }
}

/**
 * True for tensors of any compatible copy of this package.
 *
 * @example
 * ```ts
 * import { isTensor, tensor } from '@tessera-llm/tensor';
 * console.log(isTensor(tensor(1)), isTensor([1])); // true false
 * ```
 */
export function isTensor(value: unknown): value is Tensor {
  return typeof value === 'object' && value !== null && Reflect.get(value, brand) === true;
}

/** @internal What a value is, for messages. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (typeof value !== 'object') return value === undefined ? 'undefined' : `a ${typeof value}`;
  return Array.isArray(value) ? 'an array' : (value.constructor?.name ?? 'an object');
}

/** @internal Throws unless x is a tensor, which code without types may not know. */
export function wantTensor(op: string, x: unknown, name?: string): asserts x is Tensor {
  if (isTensor(x)) return;
  const wanted = name === undefined ? 'a Tensor' : `${name} to be a Tensor`;
  throw new TensorError('value', `[${op}] expected ${wanted}, got ${kindOf(x)}; make one with tensor()`);
}

/** @internal Makes a tensor of what a kernel returned. */
export function wrap<D extends DType>(backend: Backend, array: NDArray<D>): Tensor<D> {
  return new Tensor(new Storage(backend, array.block), array.offset, array.shape, array.dtype);
}

/** @internal Another tensor on the same storage. */
export function viewOf<D extends DType>(x: Tensor<D>, shape: readonly number[], offset = x.offset): Tensor<D> {
  // Reading `block` throws for a disposed tensor.
  void x.block;
  return new Tensor(x.storage, offset, shape, x.dtype);
}

/** @internal Marks a storage as written: saved values and packed forms of it are stale. */
export function written(x: Tensor): void {
  x.storage.version++;
  x.backend.invalidate(x.storage.block);
}
