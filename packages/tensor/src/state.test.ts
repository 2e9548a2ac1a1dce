import { describe, expect, it, vi } from 'vitest';
import { state } from './state';

const key = Symbol.for('tessera.tensor');

describe('two copies of the package in one process', () => {
  it('share one state if they are compatible', async () => {
    vi.resetModules();
    const second = await import('./state');
    expect(second.state).toBe(state);
    const { tensor, mul, memory } = await import('./index');
    const before = memory().tensors;
    const x = tensor([1, 2]);
    expect(state.liveTensors).toBe(before + 1);
    // A tensor of the other copy is recognised by its brand.
    const first = await import('./tensor');
    expect(first.isTensor(mul(x, 2))).toBe(true);
  });

  it('throw, naming both versions, if they are not', async () => {
    const before: unknown = Reflect.get(globalThis, key);
    Reflect.set(globalThis, key, { protocol: 999, version: '7.7.7' });
    vi.resetModules();
    await expect(import('./state')).rejects.toThrow(/7\.7\.7 .*999.* and \d+\.\d+\.\d+/);
    Reflect.set(globalThis, key, before);
  });
});
