import type { BinaryFn, CompareFn } from '../contract';
import type { Values } from './memory';

/** n elements from each start: a and b by their strides, y one by one. */
export interface Span {
  a: number;
  b: number;
  y: number;
  readonly n: number;
  readonly stepA: number;
  readonly stepB: number;
}

type Loop = (a: Values, b: Values, y: Values, s: Span) => void;

/** y = fn(a, b) over a span. int32 products use `intMul`, which wraps exactly. */
export const binaryLoops: { readonly [F in BinaryFn | 'intMul']: Loop } = {
  add: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) + (b[q + i * stepB] as number);
  },
  div: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) / (b[q + i * stepB] as number);
  },
  intMul: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = Math.imul(a[p + i * stepA] as number, b[q + i * stepB] as number);
  },
  maximum: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = Math.max(a[p + i * stepA] as number, b[q + i * stepB] as number);
  },
  minimum: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = Math.min(a[p + i * stepA] as number, b[q + i * stepB] as number);
  },
  mul: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) * (b[q + i * stepB] as number);
  },
  pow: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) {
      const base = a[p + i * stepA] as number;
      const exponent = b[q + i * stepB] as number;
      // C's pow, unlike JavaScript's, gives 1 for a base of 1 and any exponent, and for -1 to an infinite power.
      y[r + i] = base === 1 || (base === -1 && Math.abs(exponent) === Number.POSITIVE_INFINITY) ? 1 : base ** exponent;
    }
  },
  sub: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) - (b[q + i * stepB] as number);
  },
};

/** y = 1 where the comparison holds, else 0; with NaN only `ne` holds. */
export const compareLoops: { readonly [F in CompareFn]: Loop } = {
  eq: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) === (b[q + i * stepB] as number) ? 1 : 0;
  },
  ge: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) >= (b[q + i * stepB] as number) ? 1 : 0;
  },
  gt: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) > (b[q + i * stepB] as number) ? 1 : 0;
  },
  le: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) <= (b[q + i * stepB] as number) ? 1 : 0;
  },
  lt: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) < (b[q + i * stepB] as number) ? 1 : 0;
  },
  ne: (a, b, y, { a: p, b: q, y: r, n, stepA, stepB }) => {
    for (let i = 0; i < n; i++) y[r + i] = (a[p + i * stepA] as number) !== (b[q + i * stepB] as number) ? 1 : 0;
  },
};
