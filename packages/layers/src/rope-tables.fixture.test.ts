import { join } from 'node:path';
import { availableBackends } from '@tessera-llm/tensor';
import { closeTo, dumpJson, fixtureCase, fixturesDir, loadJson } from '@tessera-llm/testing';
import { afterAll, describe, it } from 'vitest';
import { type RopeParameters, inverseFrequencies } from './rope-scaling';

interface RopeTables {
  readonly rtol: number;
  readonly cases: readonly {
    readonly case: string;
    readonly rope_parameters: RopeParameters;
    readonly max_position_embeddings: number;
    readonly head_dim: number;
    readonly seq_len: number | null;
    readonly attention_factor: number;
    readonly inv_freq: readonly number[];
  }[];
}

const folder = fixturesDir('ops');

describe.skipIf(folder === null)('fixtures/ops/rope_tables.json', () => {
  if (folder === null) return;
  const { rtol, cases } = loadJson(join(folder, 'rope_tables.json')) as RopeTables;
  const computed: unknown[] = [];

  for (const wanted of cases) {
    it(wanted.case, () =>
      fixtureCase('ops', `rope_tables/${wanted.case}`, () => {
        const { inverse, attentionFactor } = inverseFrequencies(wanted.rope_parameters, {
          headDim: wanted.head_dim,
          maxPositionEmbeddings: wanted.max_position_embeddings,
          ...(wanted.seq_len === null ? {} : { length: wanted.seq_len }),
        });
        computed.push({ ...wanted, inv_freq: Array.from(inverse), attention_factor: attentionFactor });
        closeTo('inv_freq', inverse, wanted.inv_freq, { rtol, atol: 0 });
        closeTo('attention_factor', [attentionFactor], [wanted.attention_factor], { rtol, atol: 0 });
      }),
    );
  }

  // The frequencies are host arithmetic: the same numbers for both backends.
  afterAll(() => {
    for (const backend of availableBackends()) dumpJson(backend, 'ops/rope_tables.json', { rtol, cases: computed });
  });
});
