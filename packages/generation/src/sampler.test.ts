import { philox4x32 } from '@tessera-llm/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DrawOptions, type SamplingOptions, sampleToken } from './sampler';

/** Draws at many positions: how often each id came. */
function frequencies(logits: Float32Array, options: SamplingOptions, draws: number): number[] {
  const counts = new Array<number>(logits.length).fill(0);
  for (let position = 0; position < draws; position++) {
    const id = sampleToken(logits, { ...options, position });
    counts[id] = (counts[id] ?? 0) + 1;
  }
  return counts.map((count) => count / draws);
}

const logits = Float32Array.of(1, 2.5, -1, 2, 0.5, 2);

function softmax(values: ArrayLike<number>, temperature: number): number[] {
  const weights = Array.from(values, (v) => Math.exp(v / temperature));
  const total = weights.reduce((a, b) => a + b, 0);
  return weights.map((w) => w / total);
}

describe('sampleToken', () => {
  it.each([0.5, 1, 2])('draws from softmax(logits / temperature), temperature %f', (temperature) => {
    const got = frequencies(logits, { temperature, seed: 1 }, 40_000);
    // Five standard deviations of a frequency of 40,000 draws are below 0.0125.
    softmax(logits, temperature).forEach((p, id) => expect(Math.abs((got[id] ?? 0) - p)).toBeLessThan(0.0125));
  });

  it('temperature 0 takes the best, ties to the lower id', () => {
    expect(sampleToken(logits, { temperature: 0, position: 0 })).toBe(1);
    expect(sampleToken(Float32Array.of(1, 7, 7), { temperature: 0, position: 0 })).toBe(1);
  });

  it('depends on seed, position and choice, and on nothing else', () => {
    const draw = (seed: number | bigint, position: number, choice: number) =>
      sampleToken(new Float32Array(1000), { seed, position, choice });
    expect(draw(1, 5, 0)).toBe(draw(1n, 5, 0));
    const others = [draw(1, 5, 0), draw(2, 5, 0), draw(1, 6, 0), draw(1, 5, 1), draw(1n + (1n << 32n), 5, 0)];
    expect(new Set(others).size).toBe(others.length);
  });

  it.each<[SamplingOptions, number[]]>([
    [{ topK: 1 }, [1]],
    [{ topK: 2 }, [1, 3]],
    [{ topK: 100 }, [0, 1, 2, 3, 4, 5]],
    // Probabilities 0.086, 0.384, 0.012, 0.233, 0.052, 0.233: the best alone reaches 0.38, three reach 0.85.
    [{ topP: 0.38 }, [1]],
    [{ topP: 0.5 }, [1, 3]],
    [{ topP: 0.85 }, [1, 3, 5]],
    [{ topP: 1e-9 }, [1]],
    // Ratios to the best: 0.223, 1, 0.030, 0.607, 0.135, 0.607.
    [{ minP: 0.2 }, [0, 1, 3, 5]],
    [{ minP: 1 }, [1]],
    // Top-p counts what top-k left: 0.45, 0.27, 0.27.
    [{ topK: 3, topP: 0.7 }, [1, 3]],
    // A higher temperature levels the ratios before min-p.
    [{ minP: 0.2, temperature: 2 }, [0, 1, 3, 4, 5]],
  ])('%o leaves %o', (options, kept) => {
    const got = frequencies(logits, options, 4000);
    expect(got.flatMap((p, id) => (p > 0 ? [id] : []))).toEqual(kept);
  });

  it('a filter never changes which of the kept tokens wins', () => {
    const vector = fc.array(fc.double({ min: -9, max: 9, noNaN: true }), { minLength: 1, maxLength: 40 });
    fc.assert(
      fc.property(vector, fc.nat(1000), fc.integer({ min: 1, max: 40 }), (values, position, topK) => {
        const all = Float32Array.from(values);
        const order = Array.from(all.keys()).sort((a, b) => (all[b] ?? 0) - (all[a] ?? 0) || a - b);
        const masked = all.map((v, id) => (order.indexOf(id) < topK ? v : Number.NEGATIVE_INFINITY));
        expect(sampleToken(all, { topK, position })).toBe(sampleToken(masked, { position }));
      }),
    );
  });

  it.each<[string, Partial<DrawOptions>, number[]]>([
    ['value', { temperature: -1 }, [1]],
    ['value', { temperature: Number.NaN }, [1]],
    ['value', { topK: 1.5 }, [1]],
    ['value', { topP: 0 }, [1]],
    ['value', { minP: 2 }, [1]],
    ...[1.5, Number.NaN, -1, 2 ** 53, 'x', null].map((seed): [string, object, number[]] => [
      'value',
      { seed, temperature: 0 },
      [1],
    ]),
    ...[1.5, Number.NaN, -1, 2 ** 32, 'x', null, 1n].flatMap((n): [string, object, number[]][] => [
      ['value', { choice: n, temperature: 0 }, [1]],
      ['value', { position: n, temperature: 0 }, [1]],
    ]),
    ['not_finite', {}, [1, Number.NaN]],
    ['not_finite', {}, [Number.NEGATIVE_INFINITY]],
    ['not_finite', {}, [1, Number.POSITIVE_INFINITY]],
  ])('throws %s for %o and %o', (code, options, values) => {
    const run = () => sampleToken(Float32Array.from(values), { position: 0, ...options });
    expect(run).toThrow(expect.objectContaining({ name: 'GenerationError', code }));
  });
});

/** The draw as it is defined, without short cuts. */
function plainDraw(logits: Float32Array, options: SamplingOptions & { position: number }): number {
  const { temperature = 1, topK = 0, topP = 1, minP = 0, position } = options;
  const order = Array.from(logits.keys()).sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b);
  const weight = (id: number): number => Math.exp(((logits[id] ?? 0) - (logits[order[0] ?? 0] ?? 0)) / temperature);
  let kept = topK > 0 ? order.slice(0, topK) : order;
  const total = kept.reduce((sum, id) => sum + weight(id), 0);
  let reached = 0;
  if (topP < 1) {
    kept = kept.filter((id, i) => {
      if (i > 0 && reached >= topP * total) return false;
      reached += weight(id);
      return true;
    });
  }
  const gumbel = (id: number): number => {
    const words = philox4x32([0, 0], [id >> 2, position, 0, 0x73616d70]);
    return -Math.log(-Math.log(((words[id & 3] ?? 0) + 0.5) / 2 ** 32));
  };
  const score = (id: number): number => (logits[id] ?? 0) / temperature + gumbel(id);
  return kept.filter((id) => weight(id) >= minP).sort((a, b) => score(b) - score(a) || a - b)[0] ?? -1;
}

describe('short cuts', () => {
  it('draw what the definition draws, ties, masked tokens and far tails included', () => {
    const value = fc.oneof(
      fc.integer({ min: -3, max: 3 }),
      fc.double({ min: -60, max: 10, noNaN: true }),
      fc.constant(-Infinity),
    );
    const options = fc.record({
      temperature: fc.constantFrom(0.1, 1, 3),
      topK: fc.constantFrom(0, 1, 5, 400),
      topP: fc.constantFrom(0.3, 0.9, 1),
      minP: fc.constantFrom(0, 0.05),
    });
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 1, maxLength: 200 }),
        options,
        fc.nat(10_000),
        (values, given, position) => {
          const logits = Float32Array.from([0, ...values]);
          expect(sampleToken(logits, { ...given, position })).toBe(plainDraw(logits, { ...given, position }));
        },
      ),
      { numRuns: 2000 },
    );
  });
});
