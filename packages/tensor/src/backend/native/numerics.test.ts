import { describe, it } from 'vitest';
import type { AttentionAttrs } from '../contract';
import { bytesOf, haveNative, native, normalPair, pair, plainLoss, sameBits } from './native.test-support';

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
    // Two documents, each in a page of its own.
    const attrs: AttentionAttrs = {
      layout: {
        queryOffsets: Int32Array.of(0, 150, 200),
        queryStarts: Int32Array.of(0, 0),
        keyLengths: Int32Array.of(150, 50),
        pageOffsets: Int32Array.of(0, 1, 2),
        pageRows: Int32Array.of(0, 150),
        pageSize: 150,
      },
      causal: true,
      window: null,
      softcap: null,
      scale: 0.3,
      compute: 'float32',
    };
    withThreads(() => {
      const rms = k().rmsNorm(x, null, 1e-6, 0);
      const a = k().attention(q, q, q, null, attrs);
      const loss = k().linearCrossEntropy(x, w, null, targets, 'bfloat16', plainLoss);
      const wants = { hidden: true, weight: true, bias: false };
      const lg = k().linearCrossEntropyGrad(x, w, null, targets, loss.lse, gy, 'float32', plainLoss, wants);
      const ag = k().attentionGrad(q, q, q, null, a.y, a.lse, q, attrs);
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
