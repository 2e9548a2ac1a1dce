import { describe, expect, it } from 'vitest';
import { quantize, tensor } from '../index';

async function block(values: readonly number[]): Promise<string> {
  const whole = Float32Array.from({ length: 32 }, (_, i) => values[i] ?? 0);
  using weight = await quantize(tensor(whole, { shape: [1, 32] }), 'Q4_0');
  return Buffer.from(await weight.bytes()).toString('hex');
}

// Expected blocks are gguf-py 0.19's.
describe('Q4_0', () => {
  it('rounds each step to float32: -11 / 22 + 8.5 is 8', async () => {
    const values = [-176, -11, ...Array.from({ length: 15 }, () => 0), 11];
    expect(await block(values)).toBe('804d80988888888888888888888888888888');
  });

  it('takes the sign of the scale of a block of zeros from the first', async () => {
    expect(await block([0])).toBe('008088888888888888888888888888888888');
    expect(await block([-0])).toBe('000088888888888888888888888888888888');
  });
});
