import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Unsupported, dumpJson, filesIn, fixtureCase, fixturesDir, loadJson } from '@tessera-llm/testing';
import { describe, expect, it } from 'vitest';
import { createPreTokenizer, trainBpe } from '../index';

interface Golden {
  readonly type: string;
  readonly settings: Record<string, unknown>;
  readonly vocab_in_id_order?: readonly string[];
  readonly merges?: readonly (string | readonly string[])[];
  readonly pieces_in_every_run?: readonly string[];
  readonly pieces_in_some_runs?: readonly string[];
}

const area = fixturesDir('tokenizers');
const folder = area === null ? null : join(area, 'training');

describe.skipIf(folder === null)('fixtures/tokenizers/training (skipped where the fixtures are absent)', () => {
  const lines = folder === null ? [] : readFileSync(join(folder, 'corpus.txt'), 'utf8').split('\n');
  const train: Readonly<Record<string, (golden: Golden, path: string) => Promise<void>>> = {
    async BPE(golden, path) {
      const s = golden.settings;
      const tokenizer = await trainBpe(lines, {
        vocabSize: s.vocab_size as number,
        minFrequency: (s.min_frequency ?? 0) as number,
        specialTokens: (s.special_tokens ?? []) as string[],
        maxTokenLength: (s.max_token_length ?? null) as number | null,
        limitAlphabet: (s.limit_alphabet ?? null) as number | null,
        ...(s.initial_alphabet === 'none' && { initialAlphabet: [] }),
        preTokenizer: createPreTokenizer(s.pre_tokenizer),
      });
      const vocab = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.idToToken(id));
      const { merges } = tokenizer.toJSON().model as { merges: string[][] };
      dumpJson('reference', path, { ...golden, vocab_in_id_order: vocab, merges });
      expect(vocab).toEqual(golden.vocab_in_id_order);
      expect(merges).toEqual(golden.merges?.map((m) => (typeof m === 'string' ? m.split(' ') : m)));
    },
  };
  for (const file of filesIn(folder, '.json')) {
    it(`training: ${file}`, () =>
      fixtureCase('tokenizers', `training/${file}`, () => {
        const golden = loadJson(join(folder ?? '', file)) as Golden;
        const run = train[golden.type];
        if (run === undefined) throw new Unsupported(`no trainer of ${golden.type}`);
        return run(golden, `tokenizers/training/${file}`);
      }));
  }
});
