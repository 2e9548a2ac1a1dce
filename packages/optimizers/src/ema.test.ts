import { tensor } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { Ema } from './ema.js';

const valueOf = (ema: Ema) => ema.averages.get('w')?.dataSync()[0];

describe('Ema', () => {
  it('starts as a copy and follows the parameters', () => {
    const w = tensor([4]);
    const ema = new Ema({ w }, { decay: 0.75 });
    w.dispose();
    ema.update({ w: tensor([8]) });
    expect(valueOf(ema)).toBe(5);
    ema.update({ w: tensor([9]) });
    expect(valueOf(ema)).toBe(6);
  });

  it('forgets the start sooner with warm-up', () => {
    const ema = new Ema({ w: tensor([0]) }, { decay: 0.999, warmup: true });
    ema.update({ w: tensor([11]) });
    expect(valueOf(ema)).toBeCloseTo(11 * (1 - 2 / 11), 5);
  });

  it('loads what was saved', () => {
    const ema = new Ema({ w: tensor([0]) });
    ema.load({ updates: 7, averages: { w: tensor([3]) } });
    expect([ema.updates, valueOf(ema)]).toEqual([7, 3]);
  });

  it('refuses other parameters and impossible settings', () => {
    const ema = new Ema({ w: tensor([0]) });
    expect(() => ema.update({})).toThrow(/expected w \(1\), got none/);
    expect(() => ema.update({ w: tensor([1, 2]) })).toThrow(/got \(2\)/);
    expect(ema.updates).toBe(0);
    expect(() => ema.load({ updates: -1, averages: { w: tensor([3]) } })).toThrow(/updates/);
    expect(() => new Ema({ w: tensor([0]) }, { decy: 0.5 } as never)).toThrow(/among decay, warmup, got decy/);
    expect(() => new Ema({ w: tensor([0]) }, { decay: 1 })).toThrow(/decay to be a number in \[0, 1\), got 1/);
  });
});
