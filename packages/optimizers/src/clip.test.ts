import { memory, tensor } from '@tessera-llm/tensor';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { clipCoefficient, clipGradNorm, clipGradValue } from './clip.js';

const anyGrads = fc.array(fc.array(fc.float({ min: -100, max: 100, noNaN: true }), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 4,
});
const normOf = (xs: readonly number[], p: number) =>
  p === Number.POSITIVE_INFINITY
    ? Math.max(...xs.map(Math.abs))
    : xs.reduce((sum, x) => sum + Math.abs(x) ** p, 0) ** (1 / p);

describe('clipGradNorm', () => {
  it('brings the norm of all gradients together to maxNorm, or changes nothing', () => {
    fc.assert(
      fc.property(
        anyGrads,
        fc.constantFrom(1, 2, 3, 0.5, Number.POSITIVE_INFINITY),
        fc.integer({ min: 1, max: 50 }),
        (arrays, normType, maxNorm) => {
          const grads = arrays.map((values, i) => [`g${i}`, tensor(values)] as const);
          const before = normOf(arrays.flat(), normType);
          const norm = clipGradNorm(grads, { maxNorm, normType }).dataSync()[0] ?? Number.NaN;
          expect(Math.abs(norm - before)).toBeLessThanOrEqual(1e-4 * before + 1e-9);
          const after = grads.flatMap(([, g]) => [...g.dataSync()]);
          const want = before > maxNorm ? maxNorm : before;
          expect(Math.abs(normOf(after, normType) - want)).toBeLessThanOrEqual(1e-4 * want + 1e-5);
          if (before < maxNorm * 0.999) expect(after).toEqual(arrays.flat().map((x) => x * 1));
        },
      ),
      { numRuns: 60 },
    );
  });

  it('refuses unknown options and what is no gradient', () => {
    const refused = (code: string) => expect.objectContaining({ name: 'OptimizerError', code });
    const misspelled = { maxNorm: 1, normtype: 1 };
    expect(() => clipGradNorm({ a: tensor([3, 4]) }, misspelled)).toThrow(refused('invalid_setting'));
    expect(() => clipCoefficient({ a: undefined as never }, { maxNorm: 1 })).toThrow(refused('invalid_gradient'));
  });

  it('leaves only its result behind', () => {
    const grads = { a: tensor([3, 4]) };
    const bytes = memory().liveBytes;
    const { norm, factor } = clipCoefficient(grads, { maxNorm: 1 });
    norm.dispose();
    factor.dispose();
    expect(memory().liveBytes).toBe(bytes);
  });

  it('passes NaN on, in the norm and the factor', () => {
    for (const normType of [1, 2, Number.POSITIVE_INFINITY]) {
      const { norm, factor } = clipCoefficient(
        { a: tensor([1, Number.NaN]), b: tensor([2]) },
        { maxNorm: 1, normType },
      );
      expect([norm.dataSync()[0], factor.dataSync()[0]]).toEqual([Number.NaN, Number.NaN]);
    }
  });

  it('refuses impossible settings', () => {
    const grads = { a: tensor([1]) };
    for (const options of [
      { maxNorm: Number.NaN },
      { maxNorm: 0 },
      { maxNorm: 1, normType: 0 },
      { maxNorm: 1, normType: Number.NaN },
    ]) {
      expect(() => clipGradNorm(grads, options)).toThrow(expect.objectContaining({ code: 'invalid_setting' }));
    }
    expect(() => clipGradNorm({}, { maxNorm: 1 })).toThrow(/at least one gradient/);
  });
});

describe('clipGradValue', () => {
  it('cuts at both ends, in place', () => {
    const a = tensor([-3, 0.25, 7]);
    clipGradValue({ a }, 0.5);
    expect([...a.dataSync()]).toEqual([-0.5, 0.25, 0.5]);
    expect(() => clipGradValue({ a }, Number.NaN)).toThrow(/clipValue to be a finite number > 0, got NaN/);
  });
});
