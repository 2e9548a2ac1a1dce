import { type DType, byteSize } from '../../dtype';
import { sizeOf } from '../../shape';
import type { Backend, BinaryFn, Compute, NDArray, PrimitiveKernels, UnaryFn } from '../contract';

/** What a composition needs beside the primitive kernels: a way to bring in host arrays, and to free intermediates. */
export type HostMemory = Pick<Backend, 'free' | 'upload'>;

/** What a composed kernel gives. */
export type Result = NDArray | undefined | { readonly [name: string]: NDArray | null };

/** The steps of one composed kernel. It remembers every array that it makes and frees those that are not results. */
export class Steps {
  readonly #made: NDArray[] = [];

  constructor(
    readonly kernels: PrimitiveKernels,
    readonly memory: HostMemory,
  ) {}

  /** Remembers an array made by a primitive kernel. */
  own(x: NDArray): NDArray {
    this.#made.push(x);
    return x;
  }

  /** Frees everything made here whose memory no result uses. */
  release(result: Result): void {
    const results = result === undefined ? [] : isArray(result) ? [result] : Object.values(result);
    const kept = new Set(results.map((x) => x?.block));
    for (const block of new Set(this.#made.map((x) => x.block))) if (!kept.has(block)) this.memory.free(block);
    this.#made.length = 0;
  }

  /** Runs steps whose intermediates are freed before the next ones; the results become this composition's. */
  inner<R extends Result>(fn: (steps: Steps) => R): R {
    const result = composed(this.kernels, this.memory, fn)();
    if (isArray(result)) this.own(result);
    else if (result !== undefined) for (const x of Object.values(result)) if (x !== null) this.own(x);
    return result;
  }

  /** A host array on the backend. */
  upload(values: Float32Array | Int32Array | Uint8Array, shape: readonly number[], dtype: DType): NDArray {
    const bytes = new Uint8Array(values.buffer, values.byteOffset, sizeOf(shape) * byteSize[dtype]);
    return this.own({ block: this.memory.upload(bytes), offset: 0, shape, dtype });
  }

  fill(shape: readonly number[], value: number, dtype: DType = 'float32'): NDArray {
    return this.own(this.kernels.fill(shape, dtype, value));
  }

  /** x itself if it has the dtype. */
  cast(x: NDArray, dtype: DType): NDArray {
    return x.dtype === dtype ? x : this.own(this.kernels.cast(x, dtype));
  }

  /** float32 values of x, rounded to bfloat16 where the product that they enter asks for it. */
  operand(x: NDArray, compute: Compute): NDArray {
    return this.cast(compute === 'bfloat16' ? this.cast(x, 'bfloat16') : x, 'float32');
  }

  unary(fn: UnaryFn, x: NDArray): NDArray {
    return this.own(this.kernels.unary(fn, x));
  }

  /** fn(a, b), broadcast; a number stands for a float32 scalar. */
  binary(fn: BinaryFn, a: NDArray, b: NDArray | number): NDArray {
    return this.own(this.kernels.binary(fn, a, typeof b === 'number' ? this.fill([], b) : b));
  }

  add = (a: NDArray, b: NDArray | number): NDArray => this.binary('add', a, b);
  sub = (a: NDArray, b: NDArray | number): NDArray => this.binary('sub', a, b);
  mul = (a: NDArray, b: NDArray | number): NDArray => this.binary('mul', a, b);
  div = (a: NDArray, b: NDArray | number): NDArray => this.binary('div', a, b);

  /** a where the condition holds, else b. */
  where(condition: NDArray, a: NDArray | number, b: NDArray | number): NDArray {
    const [x, y] = [a, b].map((v) => (typeof v === 'number' ? this.fill([], v) : v)) as [NDArray, NDArray];
    return this.own(this.kernels.where(condition, x, y));
  }

  /** x with `from` replaced by `to`. */
  replace(x: NDArray, from: number, to: number): NDArray {
    return this.where(this.own(this.kernels.compare('eq', x, this.fill([], from, x.dtype))), to, x);
  }

  /** Reduces the last axis to extent 1. */
  reduceLast(fn: 'max' | 'sum', x: NDArray): NDArray {
    const last = x.shape.length - 1;
    return this.view(this.own(this.kernels.reduce(fn, x, [last])), [...x.shape.slice(0, last), 1]);
  }

  /** Sums over the first axis. */
  sumFirst(x: NDArray): NDArray {
    return this.own(this.kernels.reduce('sum', x, [0]));
  }

  permute(x: NDArray, axes: readonly number[]): NDArray {
    return this.own(this.kernels.permute(x, axes));
  }

  /** Elements start, start + step, … of the last axis. */
  lastAxis(x: NDArray, start: number, step: number, count: number): NDArray {
    const last = x.shape.length - 1;
    const starts = x.shape.map((_, i) => (i === last ? start : 0));
    const steps = x.shape.map((_, i) => (i === last ? step : 1));
    return this.own(this.kernels.slice(x, starts, steps, [...x.shape.slice(0, last), count]));
  }

  concat(xs: readonly NDArray[], axis: number): NDArray {
    return this.own(this.kernels.concat(xs, axis));
  }

  /** a b, float32; `transpose` says which operand is stored transposed. */
  matmul(a: NDArray, b: NDArray, transpose: 'a' | 'b' | 'none' = 'none', compute: Compute = 'float32'): NDArray {
    // Primitive products take operands of one dtype.
    const [x, y] = a.dtype === b.dtype ? [a, b] : [this.cast(a, 'float32'), this.cast(b, 'float32')];
    const attrs = { transposeA: transpose === 'a', transposeB: transpose === 'b', compute, out: 'float32' } as const;
    return this.own(this.kernels.matmul(x, y, attrs));
  }

  /** The same elements in another shape. */
  view(x: NDArray, shape: readonly number[]): NDArray {
    return { block: x.block, offset: x.offset, shape, dtype: x.dtype }; // `block` may be a getter, which a spread loses
  }

  /** `count` entries of the first axis, from `from`. */
  rows(x: NDArray, from: number, count: number): NDArray {
    const rest = x.shape.slice(1);
    return { block: x.block, offset: x.offset + from * sizeOf(rest), shape: [count, ...rest], dtype: x.dtype };
  }
}

function isArray(x: Result): x is NDArray {
  return x !== undefined && 'block' in x && 'offset' in x;
}

/** A kernel that runs its steps and frees what they made, whether they end or throw. */
export function composed<A extends readonly unknown[], R extends Result>(
  kernels: PrimitiveKernels,
  memory: HostMemory,
  fn: (steps: Steps, ...args: A) => R,
): (...args: A) => R {
  return (...args) => {
    const steps = new Steps(kernels, memory);
    let result: R | undefined;
    try {
      result = fn(steps, ...args);
      return result;
    } finally {
      steps.release(result);
    }
  };
}
