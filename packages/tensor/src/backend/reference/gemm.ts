/** A matrix inside an array: element (i, j) is values[start + i * rowStep + j * columnStep]. */
export interface Matrix {
  readonly values: Float32Array;
  readonly start: number;
  readonly rowStep: number;
  readonly columnStep: number;
}

/** Extents of C (M, N) = A (M, K) B (K, N). */
export interface Extents {
  readonly m: number;
  readonly n: number;
  readonly k: number;
}

/** Columns of B that are packed at a time: a panel set of 512 x K stays in the outer caches for usual K. */
const columnBlock = 512;

// Every element is one float64 sum over k = 0, 1, …, K-1, whichever loop computes it: products of two float32 are exact
// in float64, so the loops below agree bit for bit and a row's result cannot depend on the other rows.

/** Packs `count` columns (4 at a time, padded with zeros) so that the inner loop reads them one after another. */
function packFour(x: Matrix, first: number, count: number, k: number, to: Float32Array): void {
  const { values, rowStep, columnStep } = x;
  for (let j = 0, base = 0; j < count; j += 4, base += 4 * k) {
    for (let lane = 0; lane < 4; lane++) {
      let at = x.start + (first + j + lane) * columnStep;
      if (j + lane >= count) {
        for (let p = 0; p < k; p++) to[base + 4 * p + lane] = 0;
      } else {
        for (let p = 0; p < k; p++, at += rowStep) to[base + 4 * p + lane] = values[at] as number;
      }
    }
  }
}

/** The sums of a 4 x 4 tile, row by row, from a packed strip of A and a packed panel of B. */
function tile(k: number, a: Float32Array, b: Float32Array, bStart: number, out: Float64Array): void {
  let [c00, c01, c02, c03] = [0, 0, 0, 0];
  let [c10, c11, c12, c13] = [0, 0, 0, 0];
  let [c20, c21, c22, c23] = [0, 0, 0, 0];
  let [c30, c31, c32, c33] = [0, 0, 0, 0];
  for (let p = 0, q = bStart; p < 4 * k; p += 4, q += 4) {
    const a0 = a[p] as number;
    const a1 = a[p + 1] as number;
    const a2 = a[p + 2] as number;
    const a3 = a[p + 3] as number;
    const b0 = b[q] as number;
    const b1 = b[q + 1] as number;
    const b2 = b[q + 2] as number;
    const b3 = b[q + 3] as number;
    c00 += a0 * b0;
    c01 += a0 * b1;
    c02 += a0 * b2;
    c03 += a0 * b3;
    c10 += a1 * b0;
    c11 += a1 * b1;
    c12 += a1 * b2;
    c13 += a1 * b3;
    c20 += a2 * b0;
    c21 += a2 * b1;
    c22 += a2 * b2;
    c23 += a2 * b3;
    c30 += a3 * b0;
    c31 += a3 * b1;
    c32 += a3 * b2;
    c33 += a3 * b3;
  }
  out[0] = c00;
  out[1] = c01;
  out[2] = c02;
  out[3] = c03;
  out[4] = c10;
  out[5] = c11;
  out[6] = c12;
  out[7] = c13;
  out[8] = c20;
  out[9] = c21;
  out[10] = c22;
  out[11] = c23;
  out[12] = c30;
  out[13] = c31;
  out[14] = c32;
  out[15] = c33;
}

const sums = new Float64Array(16);

function packed(e: Extents, a: Matrix, b: Matrix, c: Float32Array, cStart: number, add: boolean): void {
  const { m, n, k } = e;
  const panels = new Float32Array(4 * Math.ceil(Math.min(n, columnBlock) / 4) * k);
  const strip = new Float32Array(4 * k);
  // A's rows are packed as the columns of its transpose.
  const at: Matrix = { values: a.values, start: a.start, rowStep: a.columnStep, columnStep: a.rowStep };
  for (let first = 0; first < n; first += columnBlock) {
    const columns = Math.min(columnBlock, n - first);
    packFour(b, first, columns, k, panels);
    for (let i = 0; i < m; i += 4) {
      const rows = Math.min(4, m - i);
      packFour(at, i, rows, k, strip);
      for (let j = 0; j < columns; j += 4) {
        tile(k, strip, panels, j * k, sums);
        const width = Math.min(4, columns - j);
        for (let r = 0; r < rows; r++) {
          const to = cStart + (i + r) * n + first + j;
          for (let s = 0; s < width; s++) {
            const sum = sums[4 * r + s] as number;
            c[to + s] = add ? (c[to + s] as number) + sum : sum;
          }
        }
      }
    }
  }
}

/** One row of C where B's rows are contiguous: four of them at a time into float64 sums. */
function rowByColumns(e: Extents, a: Matrix, i: number, b: Matrix, row: Float64Array): void {
  const { n, k } = e;
  const x = a.values;
  const y = b.values;
  row.fill(0);
  let p = 0;
  const from = a.start + i * a.rowStep;
  for (; p + 4 <= k; p += 4) {
    const a0 = x[from + p * a.columnStep] as number;
    const a1 = x[from + (p + 1) * a.columnStep] as number;
    const a2 = x[from + (p + 2) * a.columnStep] as number;
    const a3 = x[from + (p + 3) * a.columnStep] as number;
    const q0 = b.start + p * b.rowStep;
    const q1 = q0 + b.rowStep;
    const q2 = q1 + b.rowStep;
    const q3 = q2 + b.rowStep;
    for (let j = 0; j < n; j++) {
      row[j] =
        (row[j] as number) +
        a0 * (y[q0 + j] as number) +
        a1 * (y[q1 + j] as number) +
        a2 * (y[q2 + j] as number) +
        a3 * (y[q3 + j] as number);
    }
  }
  for (; p < k; p++) {
    const a0 = x[from + p * a.columnStep] as number;
    const q0 = b.start + p * b.rowStep;
    for (let j = 0; j < n; j++) row[j] = (row[j] as number) + a0 * (y[q0 + j] as number);
  }
}

/** One row of C where B's columns are contiguous (or anything): four dot products at a time. */
function rowByDots(e: Extents, a: Matrix, i: number, b: Matrix, row: Float64Array): void {
  const { n, k } = e;
  const x = a.values;
  const y = b.values;
  const from = a.start + i * a.rowStep;
  let j = 0;
  for (; j + 4 <= n; j += 4) {
    let [s0, s1, s2, s3] = [0, 0, 0, 0];
    let q0 = b.start + j * b.columnStep;
    let q1 = q0 + b.columnStep;
    let q2 = q1 + b.columnStep;
    let q3 = q2 + b.columnStep;
    for (let p = 0, at = from; p < k; p++, at += a.columnStep) {
      const v = x[at] as number;
      s0 += v * (y[q0] as number);
      s1 += v * (y[q1] as number);
      s2 += v * (y[q2] as number);
      s3 += v * (y[q3] as number);
      q0 += b.rowStep;
      q1 += b.rowStep;
      q2 += b.rowStep;
      q3 += b.rowStep;
    }
    row[j] = s0;
    row[j + 1] = s1;
    row[j + 2] = s2;
    row[j + 3] = s3;
  }
  for (; j < n; j++) {
    let s = 0;
    const q = b.start + j * b.columnStep;
    for (let p = 0; p < k; p++) s += (x[from + p * a.columnStep] as number) * (y[q + p * b.rowStep] as number);
    row[j] = s;
  }
}

/**
 * C = A B, or C += A B with `add` (rounded once), C contiguous from cStart. Few rows are computed from B where it lies,
 * many from packed panels; the bits are the same.
 */
export function gemm(e: Extents, a: Matrix, b: Matrix, c: Float32Array, cStart: number, add = false): void {
  if (e.m >= 8) return packed(e, a, b, c, cStart, add);
  const row = new Float64Array(e.n);
  for (let i = 0; i < e.m; i++) {
    if (b.columnStep === 1) rowByColumns(e, a, i, b, row);
    else rowByDots(e, a, i, b, row);
    const to = cStart + i * e.n;
    for (let j = 0; j < e.n; j++) c[to + j] = add ? (c[to + j] as number) + (row[j] as number) : (row[j] as number);
  }
}
