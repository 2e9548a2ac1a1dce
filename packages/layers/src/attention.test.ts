import { type Tensor, defaultBackend, grad, mul, normal, scope, sum, tensor } from '@tessera-llm/tensor';
import { closeTo } from '@tessera-llm/testing';
import { describe, expect, it } from 'vitest';
import { type AttendOptions, attend } from './attention';
import { type Capture, batchFromSequences } from './batch';
import { Dropout } from './dropout';
import { beginPass, endPass } from './pass';

const lengths = [3, 70, 1];
const rows = 74;
const rng = { seed: 5, step: 1, sampleIds: Int32Array.of(10, 11, 12) };

function inputs(): { q: Tensor; k: Tensor; v: Tensor } {
  return {
    q: normal([rows, 4, 8], { seed: 1 }),
    k: normal([rows, 2, 8], { seed: 2 }),
    v: normal([rows, 2, 8], { seed: 3 }),
  };
}

function passWith(capture?: Capture) {
  const sequences = lengths.map((length) => new Array<number>(length).fill(1));
  return beginPass(batchFromSequences(sequences, { rng, ...(capture && { capture }) }), { backend: defaultBackend() });
}

describe('attend', () => {
  const variants: Record<string, Omit<AttendOptions, 'layer'>> = {
    causal: {},
    bidirectional: { causal: false },
    window: { window: 5 },
    softcap: { softcap: 2, scale: 0.7 },
  };

  it.each(Object.entries(variants))('written-out weights give the same result: %s', (_, options) => {
    const { q, k, v } = inputs();
    const attentions: Tensor[] = [];
    const pass = passWith({ attentions });
    const y = attend(q, { k, v }, pass, { layer: 0, ...options });
    endPass(pass);
    expect(attentions.map((a) => a.shape)).toEqual(lengths.map((n) => [4, n, n]));
    // y[t, h] is the sum over j of weight[h, t, j] v[j, floor(h * 2 / 4)].
    const got = y.dataSync();
    const values = v.dataSync();
    let first = 0;
    for (const [s, length] of lengths.entries()) {
      const weights = attentions[s]?.dataSync() ?? new Float32Array(0);
      const want: number[] = [];
      for (let t = 0; t < length; t++) {
        for (let h = 0; h < 4; h++) {
          for (let d = 0; d < 8; d++) {
            let total = 0;
            for (let j = 0; j < length; j++) {
              const weight = weights[(h * length + t) * length + j] ?? 0;
              total += weight * (values[((first + j) * 2 + Math.floor(h / 2)) * 8 + d] ?? 0);
            }
            want.push(total);
          }
        }
      }
      closeTo(`segment ${s}`, got.subarray(first * 32, (first + length) * 32), want, { rtol: 1e-4, atol: 1e-5 });
      first += length;
    }
  });

  it('asking for weights changes no bit of the result', () => {
    const { q, k, v } = inputs();
    const plain = attend(q, { k, v }, passWith(), { layer: 0 }).bytesSync();
    expect(attend(q, { k, v }, passWith({ attentions: [] }), { layer: 0 }).bytesSync()).toEqual(plain);
  });

  it('gradients flow through captured weights', () => {
    const { q, k, v } = inputs();
    const [gq] = grad(() => {
      const attentions: Tensor[] = [];
      const pass = passWith({ attentions });
      attend(q, { k, v }, pass, { layer: 0 });
      endPass(pass);
      const first = attentions[0];
      if (first === undefined) throw new Error('nothing captured');
      return sum(mul(first, first));
    }, [q]);
    expect(gq?.dataSync().some((g) => g !== 0)).toBe(true);
  });

  it('dropout drops the same weights of a document in any batch, and averages out to no dropout', () => {
    const { q, k, v } = inputs();
    const dropout = new Dropout(0.4).train();
    const y = attend(q, { k, v }, passWith(), { layer: 0, dropout }).dataSync();
    const alone = beginPass(batchFromSequences([[1, 1, 1]], { rng: { ...rng, sampleIds: Int32Array.of(10) } }), {
      backend: defaultBackend(),
    });
    const head = (x: Tensor) =>
      tensor(Array.from(x.dataSync()).slice(0, 3 * (x.shape[1] ?? 0) * 8), { shape: [3, x.shape[1] ?? 0, 8] });
    const one = attend(head(q), { k: head(k), v: head(v) }, alone, { layer: 0, dropout }).dataSync();
    closeTo('alone', one, y.subarray(0, one.length), { rtol: 1e-5, atol: 1e-6 });

    const want = attend(head(q), { k: head(k), v: head(v) }, alone, { layer: 0 }).dataSync();
    const mean = new Float64Array(want.length);
    const steps = 2000;
    for (let step = 0; step < steps; step++) {
      scope(() => {
        const batch = { ...alone.batch, rng: { seed: 9, step, sampleIds: Int32Array.of(0) } };
        const got = attend(head(q), { k: head(k), v: head(v) }, { ...alone, batch }, { layer: 0, dropout }).dataSync();
        got.forEach((g, i) => {
          mean[i] = (mean[i] ?? 0) + g / steps;
        });
        return [];
      });
    }
    closeTo('mean', mean, want, { rtol: 0, atol: 0.15 });
  });
});
