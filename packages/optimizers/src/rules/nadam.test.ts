import { tensor } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { NAdam } from './adam-variants.js';

describe('NAdam', () => {
  it('costs no more after many steps than at the start', () => {
    const w = tensor([1]);
    const optimizer = new NAdam({ w });
    optimizer.step({ w: tensor([1]) });
    optimizer.load({ steps: { w: 1e11 }, tensors: optimizer.state().tensors });
    // One multiplication for every step that there was would take hours.
    optimizer.step({ w: tensor([1]) });
    expect(Number.isFinite(w.dataSync()[0])).toBe(true);
  });

  it.each([2, 50, 400, 3000])('moves as the formula says at step %i', (step) => {
    const [lr, beta1, beta2, decay, eps] = [0.5, 0.9, 0.999, 0.004, 1e-8];
    const momentum = (t: number) => beta1 * (1 - 0.5 * 0.96 ** (t * decay));
    let product = 1;
    for (let t = 1; t <= step; t++) product *= momentum(t);
    const next = momentum(step + 1);
    const [m, v, g] = [beta1 * 0.25 + (1 - beta1) * 0.75, beta2 * 0.125 + (1 - beta2) * 0.75 ** 2, 0.75];
    const direction = ((1 - momentum(step)) / (1 - product)) * g + (next / (1 - product * next)) * m;
    const want = 1 - (lr * direction) / (Math.sqrt(v / (1 - beta2 ** step)) + eps);

    const w = tensor([1]);
    const optimizer = new NAdam({ w }, { lr, betas: [beta1, beta2], eps, momentumDecay: decay });
    const tensors = { 'exp_avg.w': tensor([0.25]), 'exp_avg_sq.w': tensor([0.125]) };
    optimizer.load({ steps: { w: step - 1 }, tensors });
    optimizer.step({ w: tensor([g]) });
    expect(w.dataSync()[0]).toBeCloseTo(want, 4);
  });
});
