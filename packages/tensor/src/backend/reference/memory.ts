import { type DType, type RawArrays, byteSize } from '../../dtype';
import { TensorError } from '../../errors';
import { fromBfloat16, fromFloat16, toBfloat16, toFloat16 } from '../../raw';
import { sizeOf } from '../../shape';
import type { Block, NDArray, ShareHandle } from '../contract';
import type { UndoMemory } from '../undo';

/** What the kernels need from whoever owns the memory: they run on any memory that typed arrays can see. */
export interface KernelMemory {
  /** A new array; its contents are undefined. */
  allocate<D extends DType>(shape: readonly number[], dtype: D): NDArray<D>;
  /** The array's elements in place; 16-bit floats as their bits. */
  raw<D extends DType>(x: NDArray<D>): RawArrays[D];
}

/** Elements that arithmetic understands. */
export type Values = Float32Array | Int32Array | Uint8Array;

/** The elements of x; 16-bit floats as a widened copy, everything else in place. */
export function valuesOf(memory: KernelMemory, x: NDArray): Values {
  const raw = memory.raw(x);
  if (!(raw instanceof Uint16Array)) return raw;
  const convert = x.dtype === 'bfloat16' ? fromBfloat16 : fromFloat16;
  const wide = new Float32Array(raw.length);
  for (let i = 0; i < wide.length; i++) wide[i] = convert(raw[i] as number);
  return wide;
}

/** As `valuesOf`, for kernels that work on floats only. */
export function floatsOf(memory: KernelMemory, x: NDArray): Float32Array {
  const values = valuesOf(memory, x);
  return values instanceof Float32Array ? values : Float32Array.from(values);
}

/** int32 elements of x, in place. */
export function intsOf(memory: KernelMemory, x: NDArray): Int32Array {
  const raw = memory.raw(x);
  if (raw instanceof Int32Array) return raw;
  throw new TensorError('dtype', `[kernel] expected int32, got ${x.dtype}`);
}

/** Values converted as C does: to integers toward zero, to bool by x ≠ 0. */
export function convert(from: Values, to: Values, dtype: DType): void {
  if (dtype === 'bool') for (let i = 0; i < to.length; i++) to[i] = from[i] === 0 ? 0 : 1;
  else to.set(from);
}

/** Stores values in x, converted to its dtype; 16-bit floats round to nearest even. */
export function store(memory: KernelMemory, x: NDArray, values: Values): void {
  const raw = memory.raw(x);
  if (raw instanceof Uint16Array) {
    const convert = x.dtype === 'bfloat16' ? toBfloat16 : toFloat16;
    for (let i = 0; i < raw.length; i++) raw[i] = convert(values[i] as number);
  } else {
    convert(values, raw, x.dtype);
  }
}

/** After `valuesOf(memory, x)` was changed in place: carries the changes over to x where they are on a copy. */
export function commit(memory: KernelMemory, x: NDArray, values: Values): void {
  if (memory.raw(x) instanceof Uint16Array) store(memory, x, values);
}

/** An array being computed: write `values`, then `done()`. */
export interface Output<V extends Values = Values> {
  readonly values: V;
  /** Rounds 16-bit results and gives the array. */
  done(): NDArray;
}

/** A new array with a place to compute it: its own memory, or a float32 copy for 16-bit floats. Contents undefined. */
export function outputOf(memory: KernelMemory, shape: readonly number[], dtype: DType): Output {
  const array = memory.allocate(shape, dtype);
  const raw = memory.raw(array);
  if (!(raw instanceof Uint16Array)) return { values: raw, done: () => array };
  const values = new Float32Array(raw.length);
  return {
    values,
    done: () => {
      store(memory, array, values);
      return array;
    },
  };
}

/** As `outputOf`, for float dtypes. */
export function floatOutput(memory: KernelMemory, shape: readonly number[], dtype: DType): Output<Float32Array> {
  const { values, done } = outputOf(memory, shape, dtype);
  if (values instanceof Float32Array) return { values, done };
  throw new TensorError('dtype', `[kernel] expected a float dtype, got ${dtype}`);
}

class ReferenceBlock implements Block {
  constructor(
    public buffer: ArrayBuffer | SharedArrayBuffer,
    readonly byteLength: number,
  ) {}
  freed = false;
}

function blockOf(block: Block): ReferenceBlock {
  if (!(block instanceof ReferenceBlock)) {
    throw new TensorError('backend', '[reference] got memory of another backend');
  }
  if (block.freed) throw new TensorError('disposed', '[reference] the memory was freed');
  return block;
}

/** Blocks in the JavaScript heap's array buffers, counted. */
export class ReferenceMemory implements KernelMemory, UndoMemory {
  made: Block[] | null = null;
  #live = 0;
  #peak = 0;

  allocateBlock(byteLength: number): Block {
    let buffer: ArrayBuffer;
    try {
      buffer = new ArrayBuffer(byteLength);
    } catch (cause) {
      throw new TensorError('out_of_memory', `[reference] could not allocate ${byteLength} bytes`, { cause });
    }
    const block = this.#count(new ReferenceBlock(buffer, byteLength));
    this.made?.push(block);
    return block;
  }

  allocate<D extends DType>(shape: readonly number[], dtype: D): NDArray<D> {
    return { block: this.allocateBlock(sizeOf(shape) * byteSize[dtype]), offset: 0, shape, dtype };
  }

  raw<D extends DType>(x: NDArray<D>): RawArrays[D] {
    const { buffer } = blockOf(x.block);
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

  bytes(block: Block, byteOffset: number, byteLength: number): Uint8Array {
    const { buffer } = blockOf(block);
    if (!(byteOffset >= 0 && byteLength >= 0 && byteOffset + byteLength <= block.byteLength)) {
      throw new TensorError(
        'value',
        `[reference] expected bytes within 0 … ${block.byteLength}, got ${byteOffset} … ${byteOffset + byteLength}`,
      );
    }
    return new Uint8Array(buffer, byteOffset, byteLength);
  }

  free(block: Block): void {
    if (!(block instanceof ReferenceBlock) || block.freed) return;
    block.freed = true;
    block.buffer = new ArrayBuffer(0);
    this.#live -= block.byteLength;
  }

  share(block: Block): ShareHandle {
    const own = blockOf(block);
    if (own.buffer instanceof SharedArrayBuffer) return { kind: 'buffer', buffer: own.buffer };
    const buffer = new SharedArrayBuffer(own.byteLength);
    new Uint8Array(buffer).set(new Uint8Array(own.buffer));
    own.buffer = buffer;
    return { kind: 'buffer', buffer };
  }

  attach(handle: ShareHandle): Block {
    if (handle.kind !== 'buffer') {
      throw new TensorError('backend', `[reference] expected a handle of a shared buffer, got ${handle.kind}`);
    }
    return this.#count(new ReferenceBlock(handle.buffer, handle.buffer.byteLength));
  }

  get liveBytes(): number {
    return this.#live;
  }

  get peakBytes(): number {
    return this.#peak;
  }

  resetPeak(): void {
    this.#peak = this.#live;
  }

  #count(block: ReferenceBlock): Block {
    this.#live += block.byteLength;
    this.#peak = Math.max(this.#peak, this.#live);
    return block;
  }
}
