import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Unsupported, dumpJson, filesIn, fixtureCase, fixturesDir, loadJson, subfolders } from '@tessera-llm/testing';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { Tokenizer, TokenizerError, byteLevel, sequence, splitPattern, trainBpe } from './index';

const folder = fixturesDir('tokenizers');
const encodeRow = z.looseObject({
  text: z.string(),
  add_special_tokens: z.boolean(),
  ids: z.array(z.number()),
  tokens: z.array(z.string()),
  offsets: z.array(z.tuple([z.number(), z.number()])),
  decoded_skip_special: z.string(),
  decoded_with_special: z.string(),
});
const decodeRow = z.looseObject({ ids: z.array(z.number()), decoded_skip_special: z.string().optional() });
const casesSchema = z.looseObject({ encode: z.array(encodeRow), decode: z.array(decodeRow).default([]) });

/** UTF-16 offsets as code points. */
function inCodePoints(text: string, offsets: readonly [number, number][]): [number, number][] {
  const places: number[] = [];
  let count = 0;
  for (const char of text) {
    for (let i = 0; i < char.length; i++) places.push(count);
    count++;
  }
  places.push(count);
  return offsets.map(([a, b]) => [places[a] as number, places[b] as number]);
}

function load(name: string): Tokenizer {
  try {
    return Tokenizer.fromJSON(loadJson(join(folder ?? '', name, 'tokenizer.json')));
  } catch (error) {
    if (error instanceof TokenizerError) throw new Unsupported(error.message);
    throw error;
  }
}

describe.skipIf(folder === null)('fixtures/tokenizers (skipped where the fixtures are absent)', () => {
  for (const name of subfolders(folder).filter((n) => existsSync(join(folder ?? '', n, 'tokenizer.json')))) {
    const cases = casesSchema.parse(loadJson(join(folder ?? '', name, 'cases.json')));
    const computed: unknown[] = [];
    cases.encode.forEach((row, i) => {
      it(`${name}: encode ${i}`, () =>
        fixtureCase('tokenizers', `${name}/encode/${i}`, () => {
          const tokenizer = load(name);
          const { ids, tokens, offsets } = tokenizer.encode(row.text, { addSpecialTokens: row.add_special_tokens });
          const got = {
            text: row.text,
            add_special_tokens: row.add_special_tokens,
            ids,
            tokens,
            offsets: inCodePoints(row.text, offsets),
            decoded_skip_special: tokenizer.decode(row.ids),
            decoded_with_special: tokenizer.decode(row.ids, { skipSpecialTokens: false }),
          };
          computed.push(got);
          if (i === cases.encode.length - 1) dumpJson('host', `tokenizers/${name}/cases.json`, { encode: computed });
          expect(got).toEqual(encodeRow.strip().parse(row));
        }));
    });
  }

  for (const file of filesIn(folder === null ? null : join(folder, 'training'), '.json')) {
    it(`training: ${file}`, () =>
      fixtureCase('tokenizers', `training/${file}`, async () => {
        const golden = z
          .looseObject({
            settings: z.looseObject({}),
            vocab_in_id_order: z.array(z.string()).optional(),
            merges: z.array(z.unknown()).optional(),
          })
          .parse(loadJson(join(folder ?? '', 'training', file)));
        const settings = z
          .looseObject({
            vocab_size: z.number(),
            min_frequency: z.number().default(0),
            special_tokens: z.array(z.string()).default([]),
            max_token_length: z.number().nullish(),
            initial_alphabet: z.string().optional(),
            pre_tokenizer: z.looseObject({ type: z.string() }),
          })
          .safeParse(golden.settings);
        if (!file.startsWith('bpe-') || !settings.success || !settings.data.initial_alphabet?.includes('256')) {
          throw new Unsupported('only byte-level BPE is trained');
        }
        const s = settings.data;
        const corpus = readFileSync(join(folder ?? '', 'training', 'corpus.txt'), 'utf8');
        const tokenizer = await trainBpe(corpus.split('\n'), {
          vocabSize: s.vocab_size,
          minFrequency: s.min_frequency,
          specialTokens: s.special_tokens,
          preTokenizer: preTokenizerOf(s.pre_tokenizer),
          ...(s.max_token_length && { maxTokenLength: s.max_token_length }),
        });
        const vocab = Array.from({ length: tokenizer.vocabSize }, (_, id) => tokenizer.idToToken(id));
        expect(vocab).toEqual(golden.vocab_in_id_order);
        const merges = golden.merges?.map((m) => (typeof m === 'string' ? m.split(' ') : m));
        expect(tokenizer.parts.model.merges).toEqual(merges);
      }));
  }
});

function preTokenizerOf(json: unknown) {
  const schema = z.looseObject({
    type: z.string(),
    use_regex: z.boolean().optional(),
    pattern: z.object({ Regex: z.string() }).optional(),
    pretokenizers: z.array(z.unknown()).optional(),
  });
  const build = (value: unknown): ReturnType<typeof byteLevel> => {
    const c = schema.parse(value);
    if (c.type === 'Sequence') return sequence((c.pretokenizers ?? []).map(build));
    if (c.type === 'Split' && c.pattern) return splitPattern(c.pattern.Regex);
    if (c.type === 'ByteLevel') return byteLevel({ useRegex: c.use_regex ?? true });
    throw new Unsupported(`pre-tokenizer ${c.type}`);
  };
  return build(json);
}
