import { sizeOf } from '../../shape';

/** Row-major strides, in elements. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = new Array<number>(shape.length);
  let step = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = step;
    step *= shape[i] as number;
  }
  return strides;
}

/** Strides that read a contiguous array of `shape` as if it had been broadcast to `to`. */
export function broadcastStrides(shape: readonly number[], to: readonly number[]): number[] {
  const own = stridesOf(shape);
  const lead = to.length - shape.length;
  return to.map((_, i) => (i < lead || shape[i - lead] === 1 ? 0 : (own[i - lead] as number)));
}

/** Called for each innermost run: the position of each operand at its start. */
export type Run = (positions: Int32Array | Float64Array) => void;

/** A loop nest over a shape, adjacent axes merged where every operand allows it. */
interface LoopNest {
  /** Length of the innermost run. */
  readonly length: number;
  /** Stride of each operand along the innermost run. */
  readonly steps: readonly number[];
  /** Calls `run` once for each innermost run, in row-major order. */
  each(run: Run): void;
}

/** The loop nest over `shape` for operands of the given strides and start positions. */
export function loopNest(
  shape: readonly number[],
  operands: readonly (readonly number[])[],
  starts: readonly number[] = operands.map(() => 0),
): LoopNest {
  // Merge from the last axis: axis i joins the next when its stride is the next one's stride times its extent.
  const extents: number[] = [];
  const strides: number[][] = [];
  for (let i = 0; i < shape.length; i++) {
    const extent = shape[i] as number;
    if (extent === 1) continue;
    const here = operands.map((o) => o[i] as number);
    const last = extents.length - 1;
    const merges = last >= 0 && here.every((s, o) => (strides[last] as number[])[o] === s * extent);
    if (merges) {
      extents[last] = (extents[last] as number) * extent;
      strides[last] = here;
    } else {
      extents.push(extent);
      strides.push(here);
    }
  }
  const length = extents.pop() ?? 1;
  const steps = strides.pop() ?? operands.map(() => 0);
  return {
    length,
    steps,
    each(run) {
      if (length === 0 || sizeOf(extents) === 0) return;
      const positions = Float64Array.from(starts);
      const index = new Array<number>(extents.length).fill(0);
      for (;;) {
        run(positions);
        let axis = extents.length - 1;
        for (; axis >= 0; axis--) {
          const s = strides[axis] as number[];
          const next = (index[axis] as number) + 1;
          const wraps = next === extents[axis];
          const move = wraps ? -(index[axis] as number) : 1;
          for (let o = 0; o < s.length; o++) positions[o] = (positions[o] as number) + move * (s[o] as number);
          index[axis] = wraps ? 0 : next;
          if (!wraps) break;
        }
        if (axis < 0) return;
      }
    },
  };
}
