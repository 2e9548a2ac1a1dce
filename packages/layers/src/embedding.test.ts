import { mul, sum, tensor, valueAndGrad } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { Embedding, initializer } from './index';

describe('Embedding', () => {
  it.each([1, -3])(
    'padding row %i starts as zeros and learns nothing, the other rows are as without it',
    (paddingIdx) => {
      const plain = new Embedding(4, 2, { init: initializer({ seed: 1 }) });
      const padded = new Embedding(4, 2, { init: initializer({ seed: 1 }), paddingIdx });
      const rows = (layer: Embedding) => Array.from(layer.namedParameters().get('weight')?.dataSync() ?? []);
      const expected = rows(plain);
      expected.splice(2, 2, 0, 0);
      expect(rows(padded)).toEqual(expected);
      // torch.nn.Embedding(4, 2, padding_idx=1) of the same ids and output gradients.
      const weights = tensor([
        [1, 2],
        [3, 4],
        [5, 6],
      ]);
      const loss = () => sum(mul(padded.forward(Int32Array.of(1, 3, 3)), weights));
      const { grads } = valueAndGrad(loss, padded.parameters());
      expect(Array.from(grads[0]?.dataSync() ?? [])).toEqual([0, 0, 0, 0, 0, 0, 8, 10]);
    },
  );

  it('refuses a padding row outside the table', () => {
    for (const paddingIdx of [4, -5, 0.5]) {
      expect(() => new Embedding(4, 2, { init: initializer({ seed: 1 }), paddingIdx })).toThrow(
        `expected paddingIdx from -4 to 3 or null, got ${paddingIdx}`,
      );
    }
  });
});
