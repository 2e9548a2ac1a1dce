import type { StepFn, UnaryFn } from '../contract';
import { erf, geluErf, geluScale, geluTanh, normalCdf, roundEven, sigmoid, softplus } from './functions';
import type { Values } from './memory';

type Loop = (x: Values, y: Values, n: number) => void;
type GradLoop = (x: Values, y: Values, g: Values, out: Values, n: number) => void;

// A loop per function, written out: a callback per element would cost more than most of the functions.

/** y = fn(x), elementwise. */
export const unaryLoops: { readonly [F in UnaryFn | StepFn]: Loop } = {
  abs: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.abs(x[i] as number);
  },
  ceil: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.ceil(x[i] as number);
  },
  cos: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.cos(x[i] as number);
  },
  elu: (x, y, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      y[i] = v > 0 ? v : Math.expm1(v);
    }
  },
  erf: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = erf(x[i] as number);
  },
  exp: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.exp(x[i] as number);
  },
  expm1: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.expm1(x[i] as number);
  },
  floor: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.floor(x[i] as number);
  },
  geluErf: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = geluErf(x[i] as number);
  },
  geluTanh: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = geluTanh(x[i] as number);
  },
  leakyRelu: (x, y, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      y[i] = v > 0 ? v : 0.01 * v;
    }
  },
  log: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.log(x[i] as number);
  },
  log1p: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.log1p(x[i] as number);
  },
  mish: (x, y, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      y[i] = v * Math.tanh(softplus(v));
    }
  },
  neg: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = -(x[i] as number);
  },
  quickGelu: (x, y, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      y[i] = v * sigmoid(1.702 * v);
    }
  },
  reciprocal: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = 1 / (x[i] as number);
  },
  relu: (x, y, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      y[i] = v < 0 ? 0 : v; // NaN stays
    }
  },
  relu2: (x, y, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      y[i] = v < 0 ? 0 : v * v;
    }
  },
  round: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = roundEven(x[i] as number);
  },
  rsqrt: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = 1 / Math.sqrt(x[i] as number);
  },
  sigmoid: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = sigmoid(x[i] as number);
  },
  sign: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.sign(x[i] as number);
  },
  silu: (x, y, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      y[i] = v * sigmoid(v);
    }
  },
  sin: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.sin(x[i] as number);
  },
  softplus: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = softplus(x[i] as number);
  },
  sqrt: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.sqrt(x[i] as number);
  },
  square: (x, y, n) => {
    if (y instanceof Int32Array) {
      // Wraps, as products of integers do; a float64 would lose the low bits first.
      for (let i = 0; i < n; i++) y[i] = Math.imul(x[i] as number, x[i] as number);
      return;
    }
    for (let i = 0; i < n; i++) y[i] = (x[i] as number) * (x[i] as number);
  },
  tanh: (x, y, n) => {
    for (let i = 0; i < n; i++) y[i] = Math.tanh(x[i] as number);
  },
};

/** Density of the standard normal distribution at 0, 1/√(2π). */
const normalPeak = 0.3989422804014327;

/** out = g · fn'(x), elementwise, given y = fn(x). */
export const unaryGradLoops: { readonly [F in UnaryFn]: GradLoop } = {
  abs: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      // 0 for NaN, as in PyTorch.
      out[i] = (g[i] as number) * (v > 0 ? 1 : v < 0 ? -1 : 0);
    }
  },
  cos: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = -(g[i] as number) * Math.sin(x[i] as number);
  },
  elu: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (g[i] as number) * ((x[i] as number) <= 0 ? Math.exp(x[i] as number) : 1);
  },
  erf: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      out[i] = (g[i] as number) * 1.1283791670955126 * Math.exp(-v * v);
    }
  },
  exp: (_x, y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (g[i] as number) * (y[i] as number);
  },
  expm1: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (g[i] as number) * Math.exp(x[i] as number);
  },
  geluErf: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      const density = normalPeak * Math.exp(-0.5 * v * v);
      out[i] = (g[i] as number) * (normalCdf(v) + (density === 0 ? 0 : v * density));
    }
  },
  geluTanh: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      const p = sigmoid(2 * geluScale * (v + 0.044715 * v * v * v));
      const slope = 2 * geluScale * (1 + 3 * 0.044715 * v * v);
      const bend = p * (1 - p);
      out[i] = (g[i] as number) * (p + (bend === 0 ? 0 : v * bend * slope));
    }
  },
  leakyRelu: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (g[i] as number) * ((x[i] as number) > 0 ? 1 : 0.01);
  },
  log: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (g[i] as number) / (x[i] as number);
  },
  log1p: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (g[i] as number) / (1 + (x[i] as number));
  },
  mish: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      const t = Math.tanh(softplus(v));
      out[i] = (g[i] as number) * (t + v * (1 - t * t) * sigmoid(v));
    }
  },
  neg: (_x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = -(g[i] as number);
  },
  quickGelu: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      const p = sigmoid(1.702 * v);
      out[i] = (g[i] as number) * (p + 1.702 * v * p * (1 - p));
    }
  },
  reciprocal: (_x, y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = -(g[i] as number) * (y[i] as number) * (y[i] as number);
  },
  // What is not a number keeps its gradient, as in PyTorch.
  relu: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (x[i] as number) <= 0 ? 0 : (g[i] as number);
  },
  relu2: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (x[i] as number) <= 0 ? 0 : 2 * (x[i] as number) * (g[i] as number);
  },
  rsqrt: (_x, y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = -0.5 * (g[i] as number) * (y[i] as number) ** 3;
  },
  sigmoid: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) {
      const p = sigmoid(x[i] as number);
      out[i] = (g[i] as number) * p * (1 - p);
    }
  },
  silu: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) {
      const v = x[i] as number;
      const p = sigmoid(v);
      out[i] = (g[i] as number) * (p + v * p * (1 - p));
    }
  },
  sin: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (g[i] as number) * Math.cos(x[i] as number);
  },
  softplus: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (g[i] as number) * sigmoid(x[i] as number);
  },
  sqrt: (_x, y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (0.5 * (g[i] as number)) / (y[i] as number);
  },
  square: (x, _y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = 2 * (g[i] as number) * (x[i] as number);
  },
  tanh: (_x, y, g, out, n) => {
    for (let i = 0; i < n; i++) out[i] = (g[i] as number) * (1 - (y[i] as number) * (y[i] as number));
  },
};
