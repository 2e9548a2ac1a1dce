import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Unsupported, dumpJson, filesIn, fixtureCase, fixturesDir, loadJson } from '@tessera-llm/testing';
import { describe, expect, it } from 'vitest';
import {
  type Tokenizer,
  createNormalizer,
  createPreTokenizer,
  trainBpe,
  trainUnigram,
  trainWordLevel,
  trainWordPiece,
} from '../index';

interface Golden {
  readonly type: string;
  readonly settings: Record<string, unknown>;
  readonly vocab_in_id_order?: readonly string[];
  readonly merges?: readonly (string | readonly string[])[];
  readonly size?: number;
  readonly pieces_in_every_run?: readonly string[];
  readonly pieces_in_some_runs?: readonly string[];
  readonly pieces?: readonly (readonly [string, number])[];
  readonly held_text?: { readonly lines: string; readonly tokens: number };
}

const area = fixturesDir('tokenizers');
const folder = area === null ? null : join(area, 'training');

/** Options of a trainer from a golden's settings; what is null or absent there is left to the default. */
function optionsOf(s: Record<string, unknown>) {
  const set = <T>(name: string, key: string) => (s[key] == null ? {} : { [name]: s[key] as T });
  return {
    vocabSize: s.vocab_size as number,
    specialTokens: (s.special_tokens ?? []) as string[],
    normalizer: s.normalizer == null ? null : createNormalizer(s.normalizer),
    preTokenizer: s.pre_tokenizer == null ? null : createPreTokenizer(s.pre_tokenizer),
    ...set<number>('minFrequency', 'min_frequency'),
    ...set<number>('limitAlphabet', 'limit_alphabet'),
    ...set<number>('maxTokenLength', 'max_token_length'),
    ...set<string>('continuingSubwordPrefix', 'continuing_subword_prefix'),
    ...set<string>('endOfWordSuffix', 'end_of_word_suffix'),
    ...set<string>('unkToken', 'unk_token'),
    ...set<number>('shrinkingFactor', 'shrinking_factor'),
    ...set<number>('maxPieceLength', 'max_piece_length'),
    ...set<number>('nSubIterations', 'n_sub_iterations'),
    ...set<number>('seedSize', 'seed_size'),
    ...(Array.isArray(s.initial_alphabet) && { initialAlphabet: s.initial_alphabet as string[] }),
    ...(s.initial_alphabet === 'none' && { initialAlphabet: [] }),
  };
}

const vocabOf = (tokenizer: Tokenizer) =>
  Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.idToToken(id) as string);

/** The lines that a golden's `held_text.lines` describes. */
function heldLines(lines: readonly string[], described: string): readonly string[] {
  const [, first, longer] = /first (\d+) lines .* longer than (\d+) characters/.exec(described) ?? [];
  if (first === undefined) throw new Error(`held_text.lines reads differently: ${described}`);
  return lines.filter((line) => [...line].length > Number(longer)).slice(0, Number(first));
}

describe.skipIf(folder === null)('fixtures/tokenizers/training (skipped where the fixtures are absent)', () => {
  const lines = folder === null ? [] : readFileSync(join(folder, 'corpus.txt'), 'utf8').split('\n');
  const train: Readonly<Record<string, (golden: Golden, path: string) => Promise<void>>> = {
    async BPE(golden, path) {
      const tokenizer = await trainBpe(lines, optionsOf(golden.settings));
      const vocab = vocabOf(tokenizer);
      const { merges } = tokenizer.toJSON().model as { merges: string[][] };
      dumpJson('reference', path, { ...golden, vocab_in_id_order: vocab, merges });
      expect(vocab).toEqual(golden.vocab_in_id_order);
      expect(merges).toEqual(golden.merges?.map((m) => (typeof m === 'string' ? m.split(' ') : m)));
    },
    async WordPiece(golden, path) {
      const vocab = vocabOf(await trainWordPiece(lines, optionsOf(golden.settings)));
      const every = new Set(golden.pieces_in_every_run);
      const some = new Set(golden.pieces_in_some_runs);
      dumpJson('reference', path, {
        ...golden,
        size: vocab.length,
        pieces_in_every_run: vocab.filter((piece) => !some.has(piece)).sort(),
        pieces_in_some_runs: vocab.filter((piece) => some.has(piece)).sort(),
      });
      expect(vocab).toHaveLength(golden.size as number);
      expect([...every].filter((piece) => !vocab.includes(piece))).toEqual([]);
      expect(vocab.filter((piece) => !every.has(piece) && !some.has(piece))).toEqual([]);
    },
    async Unigram(golden, path) {
      const tokenizer = await trainUnigram(lines, { unkToken: null, ...optionsOf(golden.settings) });
      const { vocab } = tokenizer.toJSON().model as { vocab: [string, number][] };
      const held = heldLines(lines, golden.held_text?.lines ?? '');
      const tokens = held.reduce((n, line) => n + tokenizer.encodeIds(line).length, 0);
      dumpJson('reference', path, { ...golden, pieces: vocab, held_text: { ...golden.held_text, tokens } });
      const expected = new Map(golden.pieces);
      const shared = vocab.filter(([piece]) => expected.has(piece));
      const apart = shared.map(([piece, score]) => Math.abs(score - (expected.get(piece) as number)));
      if (process.env.SHOW)
        console.log(vocab.length, shared.length, Math.max(...apart), tokens, golden.held_text?.tokens);
      expect(vocab).toHaveLength(expected.size);
      expect(shared.length).toBeGreaterThanOrEqual(0.95 * expected.size);
      expect(Math.max(...apart)).toBeLessThanOrEqual(0.1);
      expect(Math.abs(tokens / (golden.held_text?.tokens as number) - 1)).toBeLessThanOrEqual(0.01);
    },
    async WordLevel(golden, path) {
      const vocab = vocabOf(await trainWordLevel(lines, optionsOf(golden.settings)));
      dumpJson('reference', path, { ...golden, vocab_in_id_order: vocab });
      expect(vocab).toEqual(golden.vocab_in_id_order);
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
