import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

describe.each(t.availableBackends())('transformer ops on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const random = (shape: number[], seed: number) => t.normal(shape, { seed });

  it('softmax, logSoftmax, logSumExp: gradient by finite differences on any axis', () => {
    for (const dim of [0, 1, -1]) {
      checkGradients(([x]) => t.softmax(x!, { dim }), [random([2, 3, 4], 1)]);
      checkGradients(([x]) => t.logSoftmax(x!, { dim }), [random([2, 3, 4], 1)]);
      checkGradients(([x]) => t.logSumExp(x!, { dim }), [random([2, 3, 4], 1)]);
    }
  });

  it('logSumExp of a row that reaches infinity is infinite, log-softmax NaN, as in torch; NaN stays', () => {
    const [high, off, odd] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN];
    for (const dtype of ['float32', 'bfloat16', 'float16'] as const) {
      const sums = (rows: number[][]): number[] => [...t.logSumExp(t.tensor(rows, { dtype })).dataSync()];
      expect(
        sums([
          [high, 1],
          [high, high],
          [off, high],
          [off, off],
        ]),
      ).toEqual([high, high, high, off]);
      expect(
        sums([
          [odd, high],
          [high, odd],
          [odd, off],
          [off, odd],
        ]),
      ).toEqual([odd, odd, odd, odd]);
      expect([...t.logSoftmax(t.tensor([high, 1], { dtype })).dataSync()]).toEqual([odd, odd]);
      expect([...t.softmax(t.tensor([odd, off], { dtype })).dataSync()]).toEqual([odd, odd]);
    }
  });

  it('softmax does not overflow and gives zeros for a row of -Infinity', () => {
    expect([...t.softmax(t.tensor([1e30, 1e30])).dataSync()]).toEqual([0.5, 0.5]);
    const low = Number.NEGATIVE_INFINITY;
    expect([
      ...t
        .softmax(
          t.tensor([
            [low, low],
            [0, low],
          ]),
        )
        .dataSync(),
    ]).toEqual([0, 0, 1, 0]);
  });

  it('norms: gradient by finite differences', () => {
    const inputs = [random([3, 8], 1), random([8], 2), random([8], 3)];
    checkGradients(([x, weight, bias]) => t.layerNorm(x!, { weight: weight!, bias: bias! }), inputs);
    checkGradients(([x]) => t.layerNorm(x!), inputs.slice(0, 1));
    checkGradients(([x, weight]) => t.rmsNorm(x!, { weight: weight!, offset: 1 }), inputs.slice(0, 2));
    checkGradients(([x]) => t.rmsNorm(x!), inputs.slice(0, 1));
    checkGradients(
      ([x, weight, bias]) => t.groupNorm(x!, { groups: 2, weight: weight!, bias: bias! }),
      [random([2, 4, 3], 1), random([4], 2), random([4], 3)],
    );
  });

  it('rope, gated, dropout: gradient by finite differences', () => {
    const angle = t.uniform([3, 2], { seed: 9 });
    for (const interleaved of [false, true]) {
      checkGradients(([x]) => t.rope(x!, t.cos(angle), t.sin(angle), { interleaved }), [random([3, 2, 6], 1)]);
    }
    for (const activation of ['silu', 'geluErf', 'geluTanh', 'relu2', 'sigmoid', 'identity', 'quickGelu'] as const) {
      checkGradients(([g, u]) => t.gated(g!, u!, { activation }), [random([2, 5], 1), random([2, 5], 2)]);
    }
    const rowKeys = new Int32Array([0, 0, 0, 1]);
    checkGradients(([x]) => t.dropout(x!, { p: 0.5, seed: 1, stream: 2, rowKeys }), [random([2, 6], 1)]);
  });

  it('rope turns and its angle adds up: q·k depends on the distance alone', () => {
    const q = random([1, 1, 4], 1);
    const k = random([1, 1, 4], 2);
    const at = (x: t.Tensor, p: number) =>
      t.rope(x, t.tensor([[Math.cos(p), Math.cos(p / 9)]]), t.tensor([[Math.sin(p), Math.sin(p / 9)]]));
    const score = (i: number, j: number) => t.sum(t.mul(at(q, i), at(k, j))).dataSync()[0] as number;
    expect(score(5, 2)).toBeCloseTo(score(13, 10), 4);
  });

  it('dropout of a row does not depend on the batch, and keeps about 1 - p', () => {
    const x = t.ones([2, 4000]);
    const both = t.dropout(x, { p: 0.3, seed: 5, stream: 1, rowKeys: new Int32Array([7, 0, 7, 1]) }).dataSync();
    const second = t
      .dropout(t.ones([1, 4000]), { p: 0.3, seed: 5, stream: 1, rowKeys: new Int32Array([7, 1]) })
      .dataSync();
    expect(second).toEqual(both.slice(4000));
    const kept = both.filter((v) => v > 0).length / both.length;
    expect(Math.abs(kept - 0.7)).toBeLessThan(0.03);
    expect(() => t.dropout(x, { p: 1, seed: 0, stream: 0, rowKeys: new Int32Array(4) })).toThrow('0 <= p < 1');
  });
});

describe.each(t.availableBackends())('host arrays on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  it('may be written again before the backward pass', () => {
    const x = t.ones([2, 64]);
    const keys = () => new Int32Array([7, 0, 7, 1]);
    const drop = (rowKeys: Int32Array) => t.dropout(x, { p: 0.5, seed: 5, stream: 1, rowKeys });
    const [q, k, v] = [1, 2, 3].map((seed) => t.normal([6, 1, 4], { seed })) as [t.Tensor, t.Tensor, t.Tensor];
    const attend = (offsets: Int32Array) => t.attention(q, k, v, { layout: t.selfLayout(offsets) });
    const gradients = (reused: boolean) =>
      t.grad(() => {
        const [rowKeys, offsets] = [keys(), new Int32Array([0, 2, 6])];
        const y = t.add(t.sum(drop(rowKeys)), t.sum(t.mul(attend(offsets), v)));
        if (reused) {
          rowKeys.fill(9);
          offsets.set([0, 5, 6]);
        }
        return y;
      }, [x, q, k, v]);
    const [want, got] = [gradients(false), gradients(true)];
    got.forEach((g, i) => expect(g.dataSync()).toEqual(want[i]!.dataSync()));
    // Of ones, what dropout gives is also its gradient.
    expect(want[0]!.dataSync()).toEqual(drop(keys()).dataSync());
  });
});

describe.each(t.availableBackends())('attention on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));
  const random = (shape: number[], seed: number) => t.normal(shape, { seed });
  const qkv = (rows: number, heads: number, keyHeads: number, width: number) =>
    [random([rows, heads, width], 1), random([rows, keyHeads, width], 2), random([rows, keyHeads, width], 3)] as const;

  it('gradient by finite differences, with window, softcap and sinks', () => {
    const layout = t.selfLayout(new Int32Array([0, 4, 7]));
    const [q, k, v] = qkv(7, 4, 2, 3);
    checkGradients(([a, b, c]) => t.attention(a!, b!, c!, { layout }), [q, k, v]);
    checkGradients(([a, b, c]) => t.attention(a!, b!, c!, { layout, window: 2, softcap: 2 }), [q, k, v]);
    checkGradients(([a, b, c, s]) => t.attention(a!, b!, c!, { layout, sinks: s! }), [q, k, v, random([4], 4)]);
    checkGradients(([a, b, c]) => t.attention(a!, b!, c!, { layout, causal: false }), [q, k, v]);
  });

  it('agrees with dense attention on each document', () => {
    const [q, k, v] = qkv(7, 4, 2, 8);
    const whole = t.attention(q, k, v, { layout: t.selfLayout(new Int32Array([0, 4, 7])) }).dataSync();
    const dense = (x: t.Tensor) => t.unsqueeze(t.permute(t.slice(x, [{ start: 4 }]), [1, 0, 2]), 0);
    const part = t.scaledDotProductAttention(dense(q), dense(k), dense(v), { causal: true });
    const rows = t.permute(t.squeeze(part, 0), [1, 0, 2]).dataSync();
    rows.forEach((x, i) => expect(Math.abs(x - whole[4 * 32 + i]!)).toBeLessThan(1e-5));
  });

  it.each([
    ['float32', 16],
    ['bfloat16', 16],
    ['float32', 7],
    ['bfloat16', 32],
  ] as const)('a query reads the pages that it is told, in %s of %d rows', (dtype, pageSize) => {
    const rows = 130;
    const [q, k, v] = qkv(rows, 4, 2, 64);
    const cast = (x: t.Tensor) => t.cast(x, dtype);
    const options = { compute: dtype };
    const whole = t.attention(q, cast(k), cast(v), { layout: t.selfLayout(new Int32Array([0, rows])), ...options });
    // Neighbours change places, so that the first and the last page of a block of keys lie as if all were in order.
    const pages = Array.from({ length: 4 * Math.ceil(rows / pageSize / 4) }, (_, i) =>
      i % 4 === 1 ? i + 1 : i % 4 === 2 ? i - 1 : i,
    );
    const store = (x: t.Tensor) => {
      const y = t.zeros([pages.length * pageSize, 2, 64], { dtype });
      const places = Int32Array.from(
        { length: rows },
        (_, j) => (pages[Math.floor(j / pageSize)] as number) * pageSize + (j % pageSize),
      );
      t.writeRowsInPlace(y, places, cast(x));
      return y;
    };
    const [ks, vs] = [store(k), store(v)];
    for (const [start, stop] of [
      [0, 1],
      [63, 64],
      [127, 128],
      [129, 130],
      [60, 130],
    ] as const) {
      const layout = {
        queryOffsets: Int32Array.of(0, stop - start),
        queryStarts: Int32Array.of(start),
        keyLengths: Int32Array.of(stop),
        pageOffsets: Int32Array.of(0, pages.length),
        pageRows: Int32Array.from(pages, (page) => page * pageSize),
        pageSize,
      };
      const part = t.attention(t.slice(q, [{ start, stop }]), ks, vs, { layout, ...options });
      expect(part.dataSync()).toEqual(t.slice(whole, [{ start, stop }]).dataSync());
    }
  });

  it.each(['float32', 'bfloat16'] as const)(
    'a row has the same bits in the whole prompt, in chunks, one by one, and from pages in any order (%s)',
    (compute) => {
      const rows = 200;
      const [q, k, v] = qkv(rows, 4, 2, 16);
      const options = { compute, window: 150 };
      const whole = t.attention(q, k, v, { layout: t.selfLayout(new Int32Array([0, rows])), ...options }).dataSync();
      // Pages of 64 rows, laid out backwards in a larger store.
      const store = (x: t.Tensor) => {
        const y = t.zeros([400, 2, 16]);
        t.writeRowsInPlace(
          y,
          Int32Array.from({ length: rows }, (_, j) => 320 - 64 * Math.floor(j / 64) + (j % 64)),
          x,
        );
        return y;
      };
      const [ks, vs] = [store(k), store(v)];
      for (const [start, stop] of [
        [0, 1],
        [63, 65],
        [64, 200],
        [130, 131],
        [199, 200],
      ] as const) {
        const layout = {
          queryOffsets: new Int32Array([0, stop - start]),
          queryStarts: new Int32Array([start]),
          keyLengths: new Int32Array([stop]),
          pageOffsets: new Int32Array([0, 4]),
          pageRows: new Int32Array([320, 256, 192, 128]),
          pageSize: 64,
        };
        const part = t.attention(t.slice(q, [{ start, stop }]), ks, vs, { layout, ...options }).dataSync();
        expect(part).toEqual(whole.slice(start * 64, stop * 64));
      }
    },
  );

  it('gives 0 for a row with no visible key', () => {
    const x = random([1, 1, 2, 4], 1);
    const y = t.scaledDotProductAttention(x, x, x, { padding: [0, 0] });
    expect([...y.dataSync()]).toEqual(new Array(8).fill(0));
  });

  it('refuses a number of groups that is not whole', () => {
    expect(() => t.groupNorm(t.ones([2, 3, 4]), { groups: 1.5 })).toThrow('a multiple of 1.5 groups');
  });

  it('refuses layouts that point outside the keys', () => {
    const [q, k, v] = qkv(3, 2, 1, 4);
    expect(() => t.attention(q, k, v, { layout: t.selfLayout(new Int32Array([0, 5])) })).toThrow(t.TensorError);
    const layout = { ...t.selfLayout(new Int32Array([0, 3])), pageRows: new Int32Array([2]) };
    expect(() => t.attention(q, k, v, { layout })).toThrow('begins at row 2 of 3');
    expect(() => t.attention(q, random([3, 2, 5], 1), random([3, 2, 5], 2), { layout })).toThrow(
      'Hq a multiple of Hkv',
    );
  });
});
