import { describe, expect, it } from 'vitest';
import type { CrossEntropyAttrs, NDArray } from '../contract';
import {
  agree,
  bytesOf,
  haveNative,
  native,
  normalPair,
  pair,
  plainLoss,
  sameBits,
  valuesOn,
} from './native.test-support';

const capped: CrossEntropyAttrs = { ignoreIndex: 2, labelSmoothing: 0.1, scale: 0.5, softcap: 3, temperature: 0.7 };

describe.skipIf(!haveNative)('against the reference backend', () => {
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
    const odd = pair([-off, 1, -off, -off, -off, off, Number.NaN, -off, Number.NaN, off], [5, 2]);
    agree((k, of) => ({ y: k.softmax(of(odd)), z: k.logSoftmax(of(odd)), l: k.logSumExp(of(odd)) }));
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
});

describe.skipIf(!haveNative)('the numerics contract, bit for bit', () => {
  const k = () => native().kernels;

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
});
