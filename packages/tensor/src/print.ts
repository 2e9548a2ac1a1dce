/** More elements than this are summarised, as in NumPy. */
const threshold = 1000;
/** Elements shown at each end of a summarised axis. */
const edge = 3;

function formatter(values: ArrayLike<number>): (value: number) => string {
  const floats = values instanceof Float32Array;
  if (!floats) return (v) => String(v);
  let largest = 0;
  let smallest = Number.POSITIVE_INFINITY;
  for (let i = 0; i < values.length; i++) {
    const v = Math.abs(values[i] as number);
    if (!Number.isFinite(v) || v === 0) continue;
    largest = Math.max(largest, v);
    smallest = Math.min(smallest, v);
  }
  const scientific = largest >= 1e8 || (largest > 0 && (smallest < 1e-4 || largest / smallest > 1e6));
  return (v) => {
    if (Number.isNaN(v)) return 'nan';
    if (!Number.isFinite(v)) return v > 0 ? 'inf' : '-inf';
    return scientific ? v.toExponential(4) : v.toFixed(4);
  };
}

/** @internal NumPy-like text of the values: whole up to 1,000 elements, the edges beyond. */
export function summarize(values: ArrayLike<number>, shape: readonly number[]): string {
  // As NumPy: an axis may be long where another is empty.
  if (values.length === 0) return '[]';
  const short = values.length > threshold;
  const format = formatter(values);
  const cells: string[] = [];
  const strides = new Array<number>(shape.length).fill(1);
  for (let i = shape.length - 2; i >= 0; i--) {
    strides[i] = (strides[i + 1] as number) * (shape[i + 1] as number);
  }
  const indices = (extent: number): number[] => {
    const all = Array.from({ length: extent }, (_, i) => i);
    return short && extent > 2 * edge ? [...all.slice(0, edge), -1, ...all.slice(-edge)] : all;
  };
  const visit = (axis: number, at: number, use: (text: string) => void): void => {
    if (axis === shape.length) return use(format(values[at] as number));
    for (const i of indices(shape[axis] as number)) {
      if (i >= 0) visit(axis + 1, at + i * (strides[axis] as number), use);
    }
  };
  visit(0, 0, (text) => cells.push(text));
  const width = cells.reduce((w, c) => Math.max(w, c.length), 0);
  const draw = (axis: number, at: number): string => {
    if (axis === shape.length) return format(values[at] as number).padStart(width);
    const parts = indices(shape[axis] as number).map((i) =>
      i < 0 ? '…' : draw(axis + 1, at + i * (strides[axis] as number)),
    );
    if (axis === shape.length - 1) return `[${parts.join(' ')}]`;
    const gap = '\n'.repeat(shape.length - axis - 1) + ' '.repeat(axis + 1);
    return `[${parts.join(gap)}]`;
  };
  return draw(0, 0);
}
