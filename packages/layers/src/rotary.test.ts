import { defaultBackend } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { batchFromSequences } from './batch';
import { batchFromPadded } from './padded-batch';
import { type RopeParameters, inverseFrequencies } from './rope-scaling';
import { Rotary } from './rotary';

const dynamic: RopeParameters = { rope_type: 'dynamic', rope_theta: 10000, factor: 3 };
const context = { headDim: 8, maxPositionEmbeddings: 4 };

function cosOf(rotary: Rotary, batch: Parameters<Rotary['tables']>[0]): number[] {
  const { cos } = rotary.tables(batch, defaultBackend());
  return Array.from(cos.dataSync());
}

describe('Rotary', () => {
  it('is cos(p / theta^(2i/D)) times the attention factor', () => {
    const rotary = new Rotary({
      parameters: { rope_type: 'default', rope_theta: 100 },
      headDim: 4,
      maxPositionEmbeddings: 9,
    });
    const got = cosOf(rotary, batchFromSequences([[7, 7, 7]]));
    const want = [0, 1, 2].flatMap((p) => [Math.cos(p), Math.cos(p / 10)]);
    got.forEach((value, i) => expect(value).toBeCloseTo(want[i] ?? 0, 6));
  });

  it('knows far positions without a table up to them', () => {
    const rotary = new Rotary({
      parameters: { rope_type: 'default', rope_theta: 10000 },
      headDim: 64,
      maxPositionEmbeddings: 64,
    });
    // PyTorch's, of angles in float32.
    const want: Record<number, number[]> = {
      65535: [0.19234402477741241, -0.9277246594429016, -0.5533989667892456],
      65536: [-0.7218347787857056, -0.4243737757205963, -0.9123302698135376],
      2147483647: [0.2378161996603012, -0.5256630778312683, 0.9231131076812744],
    };
    for (const [position, cos] of Object.entries(want)) {
      const batch = { ...batchFromSequences([[7]]), positions: Int32Array.of(Number(position)) };
      const got = cosOf(rotary, batch);
      cos.forEach((value, i) => expect(got[i]).toBeCloseTo(value, 5));
    }
  });

  it('rotates the first part of a head only with a partial factor', () => {
    const parameters: RopeParameters = { rope_type: 'default', rope_theta: 100, partial_rotary_factor: 0.5 };
    expect(inverseFrequencies(parameters, context).inverse).toHaveLength(2);
  });

  it('gives a document the factors of its declared length, whatever its batch', () => {
    const rotary = new Rotary({ parameters: dynamic, ...context });
    const alone = cosOf(rotary, batchFromSequences([[1, 2, 3]], { maxLengths: Int32Array.of(20) }));
    const together = cosOf(
      rotary,
      batchFromSequences(
        [
          [5, 6, 7, 8, 9],
          [1, 2, 3],
        ],
        { maxLengths: Int32Array.of(100, 20) },
      ),
    );
    expect(together.slice(5 * 4)).toEqual(alone);
    expect(cosOf(rotary, batchFromSequences([[1, 2, 3]]))).not.toEqual(alone);
  });

  it("under 'hf' counts the longest row of the call, padding included", () => {
    const rotary = new Rotary({ parameters: dynamic, ...context, compat: 'hf' });
    const padded = batchFromPadded([[1, 2, 0, 0, 0, 0]], [[1, 1, 0, 0, 0, 0]]).batch;
    const plain = new Rotary({ parameters: dynamic, ...context });
    const want = cosOf(plain, batchFromSequences([[1, 2]], { maxLengths: Int32Array.of(6) }));
    expect(cosOf(rotary, padded)).toEqual(want);
  });

  it('longrope chooses its factors by the length', () => {
    const parameters: RopeParameters = {
      rope_type: 'longrope',
      rope_theta: 10000,
      short_factor: [1, 1, 1, 1],
      long_factor: [2, 4, 8, 16],
      original_max_position_embeddings: 4,
    };
    const at = (length: number) => inverseFrequencies(parameters, { headDim: 8, maxPositionEmbeddings: 16, length });
    expect(at(5).inverse).toEqual(at(4).inverse.map((f, i) => f / 2 ** (i + 1)));
    // sqrt(1 + ln(16 / 4) / ln 4)
    expect(at(4).attentionFactor).toBeCloseTo(Math.SQRT2, 12);
  });

  it('rejects wrong parameters and positions beyond the declared length', () => {
    expect(() => new Rotary({ parameters: { ...dynamic, factor: -1 }, ...context })).toThrow(/factor above 0/);
    const base = { rope_theta: 10000, factor: 2 };
    const bounds = { rope_type: 'llama3', ...base, low_freq_factor: 4, high_freq_factor: 1 } as const;
    expect(() => new Rotary({ parameters: bounds, ...context })).toThrow(/low_freq_factor below high_freq_factor/);
    const pairs = context.headDim / 2;
    const long = { rope_type: 'longrope', ...base, short_factor: Array(pairs).fill(1), long_factor: [1] } as const;
    expect(() => new Rotary({ parameters: long, ...context })).toThrow(`${pairs} entries in long_factor, got 1`);
    const rotary = new Rotary({ parameters: dynamic, ...context });
    const batch = batchFromSequences([[1, 2, 3]], { maxLengths: Int32Array.of(2) });
    expect(() => rotary.tables(batch, defaultBackend())).toThrow(/declared maximum length/);
  });
});
