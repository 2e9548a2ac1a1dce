import { describe, expect, it } from 'vitest';
import type { GateFn, UnaryFn } from '../contract';
import { agree, haveNative, native, normalPair, pair, reference, valuesOn } from './native.test-support';

const floats = ['float32', 'bfloat16', 'float16'] as const;

describe.skipIf(!haveNative)('against the reference backend', () => {
  it('elementwise functions, their gradients and combinations', () => {
    const acts: UnaryFn[] = [
      'silu',
      'geluTanh',
      'geluErf',
      'relu',
      'relu2',
      'sigmoid',
      'quickGelu',
      'tanh',
      'exp',
      'log1p',
    ];
    const gates: GateFn[] = ['silu', 'geluTanh', 'geluErf', 'relu', 'relu2', 'sigmoid', 'identity', 'quickGelu'];
    for (const shape of [[], [1], [3, 5], [2, 33], [0, 4], [40_000]]) {
      const [x, g, u] = [normalPair(shape, 6), normalPair(shape, 7), normalPair(shape, 8)];
      for (const fn of acts) {
        agree((k, of) => {
          const y = k.unary(fn, of(x));
          return { y, g: k.unaryGrad(fn, of(x), y, of(g)) };
        });
      }
      for (const fn of gates)
        agree((k, of) => ({ y: k.gated(fn, of(x), of(u)), ...k.gatedGrad(fn, of(x), of(u), of(g)) }));
      for (const fn of ['add', 'sub', 'mul', 'div', 'maximum'] as const) {
        const [one, row] = [pair([0.7], []), normalPair(shape.slice(-1), 9)];
        agree((k, of) => ({
          y: k.binary(fn, of(x), of(g)),
          z: k.binary(fn, of(x), of(one)),
          w: k.binary(fn, of(x), of(row)),
        }));
      }
    }
  });

  it('conversions between the float dtypes, ties and special values included', () => {
    const special = [
      0,
      -0,
      1.00390625,
      1.01171875,
      65504,
      65520,
      1e-8,
      6e-8,
      3e38,
      -3e38,
      Number.POSITIVE_INFINITY,
      Number.NaN,
      2 ** -133,
    ];
    for (const from of floats) {
      const x = pair(special, [special.length], from);
      for (const to of floats) agree((k, of) => ({ y: k.cast(of(x), to) }), 0);
    }
  });

  it('norms and their gradients', () => {
    for (const shape of [
      [1, 1],
      [3, 5],
      [70, 33],
      [130, 8],
      [0, 4],
    ]) {
      const [x, g] = [normalPair(shape, 12), normalPair(shape, 13)];
      const [w, b] = [normalPair(shape.slice(1), 14), normalPair(shape.slice(1), 15)];
      for (const weight of [w, null]) {
        agree((k, of) => {
          const scale = weight === null ? null : of(weight);
          const layer = k.layerNorm(of(x), scale, weight === null ? null : of(b), 1e-5);
          const rms = k.rmsNorm(of(x), scale, 1e-6, 1);
          const wants = { weight: weight !== null, bias: weight !== null };
          const lg = k.layerNormGrad(of(x), scale, layer.mean, layer.rstd, of(g), wants);
          const rg = k.rmsNormGrad(of(x), scale, rms.rstd, of(g), 1, weight !== null);
          return { ...layer, ry: rms.y, rr: rms.rstd, ...lg, rgx: rg.gx, rgw: rg.gweight };
        }, 5e-5);
      }
    }
  });

  it('rope, dropout, uniform numbers, sums of squares and the optimizer step', () => {
    const [x, c, s] = [normalPair([5, 3, 10], 25), normalPair([5, 4], 26), normalPair([5, 4], 27)];
    for (const flag of [false, true]) {
      agree((k, of) => ({ y: k.rope(of(x), of(c), of(s), flag, flag), z: k.rope(of(x), of(c), of(s), flag, !flag) }));
    }
    const rowKeys = Int32Array.from([1, 2, -3, 4, 5, 2 ** 31 - 1]);
    const key = { seed: [123, 0xffffffff], stream: [0x80000000, 5] } as const;
    const flat = normalPair([3, 22], 28);
    agree(
      (k, of) => ({
        y: k.dropout(of(flat), { p: 0.4, seed: key.seed, stream: 0xdeadbeef, rowKeys }),
        u: k.random('uniform', [4, 7], key),
      }),
      0,
    );
    const rows = normalPair([4, 22], 29);
    agree((k, of) => ({ q: k.sumSquares([of(flat), of(rows)]) }));
    for (const decoupled of [true, false]) {
      const [p, g, m, v, most] = [30, 31, 32, 33, 34].map((seed) => normalPair([50], seed)) as [
        typeof x,
        typeof x,
        typeof x,
        typeof x,
        typeof x,
      ];
      agree((k, of) => {
        const positive = k.unary('abs', of(v));
        k.adamwInPlace(of(p), of(g), of(m), positive, of(most), null, {
          lr: 0.1,
          beta1: 0.9,
          beta2: 0.99,
          eps: 1e-8,
          weightDecay: 0.1,
          decoupled,
          step: 3,
        });
        return { p: of(p), m: of(m), v: positive, most: of(most) };
      });
    }
  });

  it('normal numbers are the same bits', () => {
    for (const size of [1, 5, 40_001]) {
      const key = { seed: [5, 6], stream: [7, size] } as const;
      const [got, want] = [native(), reference].map((b) => valuesOn(b, b.kernels.random('normal', [size], key)));
      expect(got).toEqual(want);
    }
  });
});
