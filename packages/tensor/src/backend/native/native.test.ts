import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AttentionAttrs, AttentionLayout, CrossEntropyAttrs, GateFn, UnaryFn, NDArray } from '../contract';
import { agree, bytesOf, haveNative, native, normalPair, pair, reference, valuesOn } from './native.test-support';

const floats = ['float32', 'bfloat16', 'float16'] as const;
const plainLoss: CrossEntropyAttrs = { ignoreIndex: -100, labelSmoothing: 0, scale: 1, softcap: null, temperature: 1 };
const capped: CrossEntropyAttrs = { ignoreIndex: 2, labelSmoothing: 0.1, scale: 0.5, softcap: 3, temperature: 0.7 };

/** Segments of the given lengths, each a document of its own, without a cache. */
function layoutOf(lengths: readonly number[]): AttentionLayout {
  const offsets = [0];
  for (const n of lengths) offsets.push((offsets[offsets.length - 1] as number) + n);
  return {
    queryOffsets: Int32Array.from(offsets),
    queryStarts: new Int32Array(lengths.length),
    keyLengths: Int32Array.from(lengths),
    pageOffsets: Int32Array.from(lengths.map((_, i) => i).concat(lengths.length)),
    pageRows: Int32Array.from(offsets.slice(0, -1)),
    pageSize: Math.max(64, ...lengths),
  };
}

function attrsOf(layout: AttentionLayout, changes: Partial<AttentionAttrs> = {}): AttentionAttrs {
  return { layout, causal: true, window: null, softcap: null, scale: 0.3, compute: 'float32', ...changes };
}

/** Equal bit by bit; `toEqual` would look at every byte of large arrays in turn. */
function sameBits(got: Uint8Array, want: Uint8Array): void {
  expect(Buffer.compare(got, want)).toBe(0);
}

describe.skipIf(!haveNative)('against the reference backend', () => {
  it('matrix products of any shape, transposition, batch and precision', () => {
    const extent = fc.integer({ min: 0, max: 70 });
    const shape = fc.tuple(
      extent,
      extent,
      fc.oneof(extent, fc.integer({ min: 250, max: 270 })),
      fc.constantFrom([], [2], [2, 3], [1, 3]),
    );
    fc.assert(
      fc.property(shape, fc.boolean(), fc.boolean(), fc.boolean(), ([m, n, k, lead], transposeA, transposeB, round) => {
        const a = normalPair([...lead, ...(transposeA ? [k, m] : [m, k])], 1);
        const b = normalPair(transposeB ? [n, k] : [k, n], 2);
        const compute = round ? 'bfloat16' : 'float32';
        agree(
          (kernels, of) => ({ y: kernels.matmul(of(a), of(b), { transposeA, transposeB, compute, out: 'float32' }) }),
          2e-5,
        );
      }),
      { numRuns: 60 },
    );
  });

  it('products of narrow operands and results; linear with a bias', () => {
    for (const dtype of floats) {
      const [x, w] = [normalPair([5, 19], 3, dtype), normalPair([7, 19], 4, dtype)];
      const bias = normalPair([7], 5, dtype);
      const attrs = { transposeA: false, transposeB: true, compute: 'float32' } as const;
      agree((k, of) => ({
        y: k.linear(of(x), of(w), of(bias), 'float32'),
        z: k.linear(of(x), of(w), null, 'bfloat16'),
      }));
      for (const out of floats) agree((k, of) => ({ y: k.matmul(of(x), of(w), { ...attrs, out }) }), 1e-2);
    }
  });

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

  it('softmax and its kin, with rows of -Infinity', () => {
    const off = Number.NEGATIVE_INFINITY;
    for (const shape of [
      [3, 7],
      [1, 1],
      [0, 4],
      [2, 3, 5],
      [4, 1500],
    ]) {
      const [x, g] = [normalPair(shape, 10), normalPair(shape, 11)];
      agree((k, of) => {
        const [y, z] = [k.softmax(of(x)), k.logSoftmax(of(x))];
        return { y, z, l: k.logSumExp(of(x)), gy: k.softmaxGrad(y, of(g)), gz: k.logSoftmaxGrad(z, of(g)) };
      });
    }
    const masked = pair([off, off, off, 1, off, 2], [2, 3]);
    agree((k, of) => ({ y: k.softmax(of(masked)), z: k.logSoftmax(of(masked)), l: k.logSumExp(of(masked)) }));
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

  it('cross-entropy of logits and of a projection, with their gradients', () => {
    for (const attrs of [plainLoss, capped]) {
      const targets = pair([3, 0, 2, 36, 1], [5], 'int32');
      const [x, w, bias, g] = [
        normalPair([5, 12], 16),
        normalPair([37, 12], 17),
        normalPair([37], 18),
        normalPair([5], 19),
      ];
      agree((k, of) => {
        const logits = k.linear(of(x), of(w), of(bias), 'float32');
        const direct = k.crossEntropy(logits, of(targets), attrs);
        const fused = k.linearCrossEntropy(of(x), of(w), of(bias), of(targets), 'float32', attrs);
        const wants = { hidden: true, weight: true, bias: true };
        return {
          ...direct,
          fl: fused.losses,
          fs: fused.lse,
          glogits: k.crossEntropyGrad(logits, of(targets), direct.lse, of(g), attrs),
          ...k.linearCrossEntropyGrad(of(x), of(w), of(bias), of(targets), fused.lse, of(g), 'float32', attrs, wants),
        };
      }, 2e-5);
    }
  });

  it('attention: groups, windows, soft-caps, sinks, pages, and gradients', () => {
    const cases: Partial<AttentionAttrs>[] = [
      {},
      { causal: false },
      { window: 5 },
      { softcap: 2 },
      { compute: 'bfloat16' },
    ];
    for (const changes of cases) {
      for (const lengths of [[1], [70], [3, 0, 130, 17]]) {
        const n = lengths.reduce((a, b) => a + b, 0);
        const [q, g] = [normalPair([n, 4, 10], 20), normalPair([n, 4, 10], 23)];
        const [keys, values, sinks] = [normalPair([n, 2, 10], 21), normalPair([n, 2, 10], 22), normalPair([4], 24)];
        const attrs = attrsOf(layoutOf(lengths), changes);
        for (const sink of [null, sinks]) {
          agree(
            (k, of) => {
              const s = sink === null ? null : of(sink);
              const { y, lse } = k.attention(of(q), of(keys), of(values), s, attrs);
              return { y, lse, ...k.attentionGrad(of(q), of(keys), of(values), s, y, lse, of(g), attrs) };
            },
            changes.compute === 'bfloat16' ? 2e-2 : 5e-5,
          );
        }
      }
    }
  });

  it('rope, dropout, random numbers, look-ups, sums and the optimizer step', () => {
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
    const ids = pair([2, 0, 2, 1], [4], 'int32');
    const rows = normalPair([4, 22], 29);
    agree((k, of) => ({
      y: k.indexSelect(of(flat), of(ids), 0),
      z: k.indexAdd([3, 22], of(ids), of(rows), 0),
      s: k.reduce('sum', of(flat), [0]),
      q: k.sumSquares([of(flat), of(rows)]),
    }));
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
});

describe.skipIf(!haveNative)('the numerics contract, bit for bit', () => {
  /** Results with 1 thread and with 3. */
  function withThreads(run: () => Uint8Array[]): void {
    const before = native().threads();
    try {
      native().setThreads(1);
      const one = run();
      native().setThreads(3);
      run().forEach((bytes, i) => sameBits(bytes, one[i] as Uint8Array));
    } finally {
      native().setThreads(before);
    }
  }
  const k = () => native().kernels;

  it('a row alone equals the row in a batch, for every kernel of rows', () => {
    const n = 40;
    const [x, w, bias] = [
      normalPair([n, 600], 40).native,
      normalPair([90, 600], 41).native,
      normalPair([90], 42).native,
    ];
    const targets = pair(
      Array.from({ length: n }, (_, i) => i),
      [n],
      'int32',
    ).native;
    const row = (i: number) => ({ ...x, offset: i * 600, shape: [1, 600] });
    const target = (i: number) => ({ ...targets, offset: i, shape: [1] });
    const runs = [
      (a: typeof x) => k().linear(a, w, bias, 'float32'),
      (a: typeof x) => k().linear(a, w, bias, 'bfloat16'),
      (a: typeof x) => k().softmax(a),
      (a: typeof x) => k().logSoftmax(a),
      (a: typeof x) => k().rmsNorm(a, null, 1e-6, 0).y,
      (a: typeof x) => k().layerNorm(a, null, null, 1e-5).y,
      (a: typeof x) => k().unary('geluTanh', a),
    ];
    for (const run of runs) {
      const whole = bytesOf(run(x));
      const bytes = whole.byteLength / n;
      for (let i = 0; i < n; i += 7) sameBits(bytesOf(run(row(i))), whole.slice(i * bytes, (i + 1) * bytes));
    }
    const losses = bytesOf(k().linearCrossEntropy(x, w, bias, targets, 'float32', plainLoss).losses);
    const alone = k().linearCrossEntropy(row(13), w, bias, target(13), 'float32', plainLoss).losses;
    sameBits(bytesOf(alone), losses.slice(13 * 4, 14 * 4));
  });

  it('losses have one value, whether gradients come along in the same pass or not, over several chunks of rows', () => {
    const [x, w] = [normalPair([130, 5], 45).native, normalPair([140_000, 5], 46).native];
    const ids = Array.from({ length: 130 }, (_, i) => i * 1000);
    const targets = pair(ids, [130], 'int32').native;
    const gy = pair(
      ids.map(() => 1),
      [130],
    ).native;
    for (const compute of ['float32', 'bfloat16'] as const) {
      const plain = k().linearCrossEntropy(x, w, null, targets, compute, plainLoss);
      const wants = { hidden: true, weight: true, bias: true };
      const both = k().linearCrossEntropyBoth(x, w, null, targets, compute, plainLoss, wants);
      sameBits(bytesOf(both.losses), bytesOf(plain.losses));
      const apart = k().linearCrossEntropyGrad(x, w, null, targets, plain.lse, gy, compute, plainLoss, wants);
      for (const name of ['ghidden', 'gweight', 'gbias'] as const) {
        sameBits(bytesOf(both[name] as NDArray), bytesOf(apart[name] as NDArray));
      }
    }
  });

  it('a loss is the negative of the log-softmax of the logits', () => {
    const [x, w] = [normalPair([6, 32], 43).native, normalPair([1200, 32], 44).native];
    const targets = pair([0, 5, 1199, 700, 3, 9], [6], 'int32').native;
    const logits = k().linear(x, w, null, 'bfloat16');
    const fused = valuesOn(native(), k().linearCrossEntropy(x, w, null, targets, 'bfloat16', plainLoss).losses);
    const direct = valuesOn(native(), k().crossEntropy(logits, targets, plainLoss).losses);
    const logs = valuesOn(native(), k().logSoftmax(logits));
    [0, 5, 1199, 700, 3, 9].forEach((t, i) => {
      expect(fused[i]).toBe(-(logs[i * 1200 + t] as number));
      expect(direct[i]).toBe(fused[i]);
    });
  });

  it('attention: whole prompts, chunks, single tokens and paged keys agree', () => {
    const n = 150;
    for (const compute of ['float32', 'bfloat16'] as const) {
      const [q, keys, values] = [
        normalPair([n, 4, 16], 45).native,
        normalPair([n, 2, 16], 46).native,
        normalPair([n, 2, 16], 47).native,
      ];
      const whole = k().attention(q, keys, values, null, attrsOf(layoutOf([n]), { compute }));
      const expected = bytesOf(whole.y);
      const bytes = expected.byteLength / n;
      // Pages of 64 in another order, as a cache holds them.
      const pages = [2, 0, 1];
      const paged = [keys, values].map((x) => {
        const from = valuesOn(native(), x);
        const to = new Float32Array(3 * 64 * 32);
        for (let j = 0; j < n; j++) {
          const at = ((pages[Math.floor(j / 64)] as number) * 64 + (j % 64)) * 32;
          for (let d = 0; d < 32; d++) to[at + d] = from[j * 32 + d] as number;
        }
        return pair(to, [192, 2, 16]).native;
      }) as [typeof keys, typeof values];
      for (const [first, count] of [
        [0, 1],
        [63, 2],
        [64, 1],
        [100, 50],
        [149, 1],
      ] as const) {
        const layout: AttentionLayout = {
          queryOffsets: Int32Array.of(0, count),
          queryStarts: Int32Array.of(first),
          keyLengths: Int32Array.of(first + count),
          pageOffsets: Int32Array.of(0, 3),
          pageRows: Int32Array.from(pages.map((p) => p * 64)),
          pageSize: 64,
        };
        const chunk = { ...q, offset: first * 64, shape: [count, 4, 16] };
        const y = k().attention(chunk, ...paged, null, attrsOf(layout, { compute })).y;
        sameBits(bytesOf(y), expected.slice(first * bytes, (first + count) * bytes));
      }
    }
  });

  it('every number of threads gives the same bits', () => {
    const [x, w] = [normalPair([200, 300], 48).native, normalPair([500, 300], 49).native];
    const g = normalPair([200, 300], 50).native;
    const q = normalPair([200, 6, 50], 51).native;
    const targets = pair(
      Array.from({ length: 200 }, (_, i) => i),
      [200],
      'int32',
    ).native;
    const gy = normalPair([200], 52).native;
    const layout = attrsOf(layoutOf([150, 50]));
    withThreads(() => {
      const rms = k().rmsNorm(x, null, 1e-6, 0);
      const a = k().attention(q, q, q, null, layout);
      const loss = k().linearCrossEntropy(x, w, null, targets, 'bfloat16', plainLoss);
      const wants = { hidden: true, weight: true, bias: false };
      const lg = k().linearCrossEntropyGrad(x, w, null, targets, loss.lse, gy, 'float32', plainLoss, wants);
      const ag = k().attentionGrad(q, q, q, null, a.y, a.lse, q, layout);
      const weight = normalPair([300], 53).native;
      return [
        k().linear(x, w, null, 'float32'),
        k().matmul(x, g, { transposeA: true, transposeB: false, compute: 'bfloat16', out: 'float32' }),
        k().rmsNormGrad(x, weight, rms.rstd, g, 0, true).gweight ?? x,
        a.y,
        loss.losses,
        lg.ghidden ?? x,
        lg.gweight ?? x,
        ag.gq,
        ag.gk,
        ag.gv,
        k().sumSquares([x, w]),
        k().reduce('sum', x, [0]),
      ].map(bytesOf);
    });
  });
});

describe.skipIf(!haveNative)('memory and errors', () => {
  it('packed weights follow in-place writes', () => {
    const [x, w] = [normalPair([3, 20], 54).native, normalPair([9, 20], 55).native];
    const before = [1, 2, 3].map(() => bytesOf(native().kernels.linear(x, w, null, 'float32')));
    expect(before[2]).toEqual(before[0]);
    native().kernels.scaleInPlace(w, pair([2], []).native);
    native().invalidate(w.block);
    const after = valuesOn(native(), native().kernels.linear(x, w, null, 'float32'));
    const twice = new Float32Array(before[0]?.buffer ?? new ArrayBuffer(0));
    twice.forEach((v, i) => expect(after[i]).toBe(2 * v));
  });

  it('freed memory is refused, not read; indices out of range are typed errors', () => {
    const x = normalPair([4, 5], 56).native;
    native().kernels.copy(x); // makes a host view
    native().free(x.block);
    native().free(x.block);
    expect(() => native().kernels.softmax(x)).toThrow(expect.objectContaining({ code: 'disposed' }));
    expect(() => native().readSync(x.block, 0, 4)).toThrow(expect.objectContaining({ code: 'disposed' }));
    const y = normalPair([4, 5], 57).native;
    expect(() => native().kernels.indexSelect(y, pair([4], [1], 'int32').native, 0)).toThrow(
      expect.objectContaining({ code: 'index_out_of_range' }),
    );
    expect(() => native().kernels.crossEntropy(y, pair([0, 1, 2, 9], [4], 'int32').native, plainLoss)).toThrow(
      expect.objectContaining({ code: 'index_out_of_range' }),
    );
    expect(() => native().kernels.fill([2 ** 44], 'float32', 0)).toThrow(
      expect.objectContaining({ code: 'out_of_memory' }),
    );
  });

  it('a shared block lives until both let go', () => {
    const x = pair([1, 2, 3], [3]).native;
    const handle = native().share(x.block);
    const block = native().attach(structuredClone(handle));
    native().free(x.block);
    expect([...new Float32Array(native().readSync(block, 0, 12).buffer)]).toEqual([1, 2, 3]);
    native().free(block);
    expect(() => native().attach(handle)).toThrow(expect.objectContaining({ code: 'disposed' }));
  });
});

describe.runIf(haveNative)('copies', () => {
  it('slice, sliceScatter and concat of an axis are the reference ones, bit for bit', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        fc.nat(),
        (shape, a, s) => {
          const axis = a % shape.length;
          const start = s % (shape[axis] as number);
          const cut = shape.map((n, i) => (i === axis ? n - start : n));
          const starts = shape.map((_, i) => (i === axis ? start : 0));
          const steps = shape.map(() => 1);
          for (const dtype of ['float32', 'bfloat16', 'uint8'] as const) {
            const [x, y] = [
              pair(
                Array.from({ length: 6561 }, (_, i) => i % 200).slice(
                  0,
                  shape.reduce((p, n) => p * n, 1),
                ),
                shape,
                dtype,
              ),
              pair([], [0], dtype),
            ];
            expect(y.native.dtype).toBe(dtype);
            agree((k, of) => {
              const part = k.slice(of(x), starts, steps, cut);
              return {
                part,
                back: k.sliceScatter(part, starts, steps, shape),
                joined: k.concat([part, of(x), part], axis),
              };
            }, 0);
          }
        },
      ),
      { numRuns: 60 },
    );
  });

  it('argReduce: first of equals, NaN first of all, -Infinity alone, every length', () => {
    for (const length of [1, 3, 7, 8, 9, 31, 100]) {
      const base = Array.from({ length: 4 * length }, (_, i) => (i * 7) % 5);
      for (let i = 0; i < length; i++) base[length + i] = Number.NEGATIVE_INFINITY;
      base[3 * length - 1] = Number.NaN;
      base[3 * length + Math.floor(length / 2)] = Number.NaN;
      const x = pair(base, [4, length]);
      agree((k, of) => ({ most: k.argReduce('max', of(x), 1), least: k.argReduce('min', of(x), 1) }), 0);
    }
  });

  it('writeRowsInPlace: every pair of dtypes, the last of equal rows stays', () => {
    for (const [from, to] of [
      ['float32', 'float32'],
      ['float32', 'bfloat16'],
      ['bfloat16', 'bfloat16'],
      ['bfloat16', 'float32'],
    ] as const) {
      for (const width of [1, 7, 64, 130]) {
        const [target, source] = [normalPair([6, width], 31, to), normalPair([3, width], 32, from)];
        agree((k, of) => {
          k.writeRowsInPlace(of(target), Int32Array.of(4, 0, 4), of(source));
          return { target: of(target) };
        }, 0);
      }
    }
    const target = normalPair([6, 2], 31);
    const write = () =>
      native().kernels.writeRowsInPlace(target.native, Int32Array.of(6), normalPair([1, 2], 1).native);
    expect(write).toThrow(/from 0 to 5, got 6/);
  });

  it('normal numbers are the same bits', () => {
    for (const size of [1, 5, 40_001]) {
      const key = { seed: [5, 6], stream: [7, size] } as const;
      const [got, want] = [native(), reference].map((b) => valuesOn(b, b.kernels.random('normal', [size], key)));
      expect(got).toEqual(want);
    }
  });
});
