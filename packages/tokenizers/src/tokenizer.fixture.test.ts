import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { dumpJson, fixtureCase, fixturesDir, loadJson, subfolders } from '@tessera-llm/testing';
import { afterAll, describe, expect, it } from 'vitest';
import {
  type Encoding,
  type PaddingOptions,
  Tokenizer,
  type TruncationOptions,
  tokenizerFromHuggingFace,
  tokenizerFromSentencePiece,
} from './index';

// The files are our own fixtures; their structure is described in their README.
type Row = Record<string, unknown>;
const folder = fixturesDir('tokenizers');
const names = subfolders(folder).filter(
  (name) =>
    existsSync(join(folder ?? '', name, 'cases.json')) && existsSync(join(folder ?? '', name, 'tokenizer.json')),
);

/** The fields of an encoding that a row of the fixtures has. */
function fields(encoding: Encoding, row: Row): Row {
  const all: Row = {
    ids: [...encoding.ids],
    tokens: encoding.tokens,
    offsets: encoding.codePointOffsets,
    type_ids: encoding.typeIds,
    attention_mask: encoding.attentionMask,
    special_tokens_mask: encoding.specialTokensMask,
    sequence_ids: encoding.sequenceIds,
    word_ids: encoding.wordIds,
  };
  const out: Row = {};
  for (const key of Object.keys(all)) if (key in row) out[key] = all[key];
  if ('overflowing' in row) {
    const rows = row.overflowing as Row[];
    out.overflowing = encoding.overflowing.map((window, i) => fields(window, rows[i] ?? rows[0] ?? all));
  }
  return out;
}

function truncationOf(t: Row): TruncationOptions {
  return {
    maxLength: t.max_length as number,
    stride: t.stride as number,
    strategy: t.strategy as 'only_first',
    direction: t.direction as 'left',
  };
}

function paddingOf(p: Row): PaddingOptions {
  return {
    padId: (p.pad_id ?? 0) as number,
    padToken: (p.pad_token ?? '[PAD]') as string,
    direction: (p.direction ?? 'right') as 'left',
    length: (p.length ?? null) as number | null,
    padToMultipleOf: (p.pad_to_multiple_of ?? null) as number | null,
    padTypeId: (p.pad_type_id ?? 0) as number,
  };
}

/** What a section's row computes to, in the row's own structure. */
const compute: Readonly<Record<string, (tokenizer: Tokenizer, row: Row) => Row>> = {
  encode: (tokenizer, row) => {
    const text = row.text as string;
    const options = { addSpecialTokens: row.add_special_tokens as boolean };
    const encoding = tokenizer.encode(text, options);
    // The lazy fields come from the full pipeline, the ids from the short way: they must agree.
    expect([...encoding.ids]).toEqual([...tokenizer.encode(text, { ...options, padding: {}, truncation: null }).ids]);
    const stream = tokenizer.decodeStream();
    const streamed = [...encoding.ids].map((id) => stream.push(id)).join('') + stream.flush();
    expect(streamed).toBe(row.decoded_skip_special);
    return {
      ...fields(encoding, row),
      decoded_skip_special: tokenizer.decode(encoding.ids),
      decoded_with_special: tokenizer.decode(encoding.ids, { skipSpecialTokens: false }),
    };
  },
  pairs: (tokenizer, row) =>
    fields(
      tokenizer.encode(row.text as string, {
        pair: row.pair as string,
        addSpecialTokens: row.add_special_tokens as boolean,
      }),
      row,
    ),
  pretokenized: (tokenizer, row) => {
    const pair = row.pair as string[] | undefined | null;
    return fields(
      tokenizer.encode(row.words as string[], {
        addSpecialTokens: row.add_special_tokens as boolean,
        ...(pair && { pair }),
      }),
      row,
    );
  },
  truncation: (tokenizer, row) => {
    const pair = row.pair as string | null;
    const run = () =>
      fields(
        tokenizer.encode(row.text as string, {
          truncation: truncationOf(row.truncation as Row),
          ...(pair !== null && { pair }),
        }),
        row,
      );
    if (!('error' in row)) return run();
    expect(run).toThrow();
    return {};
  },
  padding: (tokenizer, row) => {
    const truncation = row.truncation ? truncationOf(row.truncation as Row) : null;
    const batch = tokenizer.encodeBatch(row.texts as string[], { padding: paddingOf(row.padding as Row), truncation });
    return { encodings: batch.map((encoding, i) => fields(encoding, (row.encodings as Row[])[i] as Row)) };
  },
  decode: (tokenizer, row) => ({
    decoded_skip_special: tokenizer.decode(row.ids as number[]),
    decoded_with_special: tokenizer.decode(row.ids as number[], { skipSpecialTokens: false }),
  }),
  decode_prefixes: (tokenizer, row) => {
    const ids = row.ids as number[];
    const stream = tokenizer.decodeStream();
    let text = '';
    for (const id of ids) text += stream.push(id);
    expect(text + stream.flush()).toBe((row.decoded as string[]).at(-1));
    return { decoded: ids.map((_, i) => tokenizer.decode(ids.slice(0, i + 1))) };
  },
  special_tokens_as_text: (tokenizer, row) =>
    fields(
      tokenizer.encode(row.text as string, {
        addSpecialTokens: (row.add_special_tokens ?? false) as boolean,
        allowedSpecial: 'none',
      }),
      row,
    ),
};

/** What SentencePiece's own library makes of a text, from the model file. */
function sentencePieceRow(tokenizer: Tokenizer, row: Row): Row {
  // Like the library, nothing is added and special pieces are not found in text.
  const { ids, tokens } = tokenizer.encode(row.text as string, { addSpecialTokens: false, allowedSpecial: 'none' });
  return { ids: [...ids], pieces: tokens, decoded: tokenizer.decode(ids) };
}

/** What a row gives; everything else in it is computed, so that no expectation is compared with itself. */
const inputs = new Set([
  'add_special_tokens',
  'error',
  'ids',
  'pair',
  'padding',
  'text',
  'texts',
  'truncation',
  'words',
]);

describe.skipIf(folder === null)('fixtures/tokenizers (skipped where the fixtures are absent)', () => {
  for (const name of names) {
    const cases = loadJson(join(folder ?? '', name, 'cases.json')) as Record<string, unknown>;
    const dump: Record<string, Row[]> = {};
    let tokenizer: Tokenizer | null = null;
    const loaded = () => (tokenizer ??= Tokenizer.fromJSON(loadJson(join(folder ?? '', name, 'tokenizer.json'))));
    for (const [section, run] of Object.entries(compute)) {
      const rows = cases[section];
      if (!Array.isArray(rows)) continue;
      dump[section] = [];
      (rows as Row[]).forEach((row, i) => {
        it(`${name}: ${section} ${i}`, () =>
          fixtureCase('tokenizers', `${name}/${section}/${i}`, () => {
            const computed = run(loaded(), row);
            expect(Object.keys(row).filter((key) => !(key in computed || inputs.has(key)))).toEqual([]);
            const got = { ...row, ...computed };
            dump[section]?.push(got);
            expect(got).toEqual(row);
          }));
      });
    }
    // transformers 4 and 5 lay out the same settings differently.
    for (const place of ['.', 'v5']) {
      const file = join(folder ?? '', name, place, 'tokenizer_config.json');
      if (!existsSync(file)) continue;
      it(`${name}: ${place}/tokenizer_config.json adds nothing to tokenizer.json, and names tokens of it`, () =>
        fixtureCase('tokenizers', `${name}/config/${place}`, () => {
          const map = join(folder ?? '', name, 'special_tokens_map.json');
          const made = tokenizerFromHuggingFace({
            tokenizer: loadJson(join(folder ?? '', name, 'tokenizer.json')),
            config: loadJson(file),
            ...(place === '.' && existsSync(map) && { specialTokensMap: loadJson(map) }),
          });
          for (const row of (cases.encode as Row[]).slice(0, 60)) {
            const options = { addSpecialTokens: row.add_special_tokens as boolean };
            expect([...made.tokenizer.encode(row.text as string, options).ids]).toEqual(row.ids);
          }
          expect(made.tokenizer.vocabSize).toBe(loaded().vocabSize);
          expect(Object.keys(made.specialTokens).length).toBeGreaterThan(0);
          for (const token of Object.values(made.specialTokens)) expect(loaded().tokenToId(token)).toBeDefined();
        }));
    }
    const model = join(folder ?? '', name, 'spm.model');
    if (Array.isArray(cases.sentencepiece) && existsSync(model)) {
      dump.sentencepiece = [];
      let fromModel: Tokenizer | null = null;
      (cases.sentencepiece as Row[]).forEach((row, i) => {
        it(`${name}: sentencepiece ${i}`, () =>
          fixtureCase('tokenizers', `${name}/sentencepiece/${i}`, () => {
            fromModel ??= tokenizerFromSentencePiece(readFileSync(model));
            const got = { text: row.text, ...sentencePieceRow(fromModel, row) };
            dump.sentencepiece?.push(got);
            expect(got).toEqual(row);
          }));
      });
    }
    it(`${name}: written and read again`, () =>
      fixtureCase('tokenizers', `${name}/json`, () => {
        const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(loaded())));
        for (const row of (cases.encode as Row[]).slice(0, 60)) {
          expect([...again.encode(row.text as string).ids]).toEqual([...loaded().encode(row.text as string).ids]);
        }
      }));
    afterAll(() => dumpJson('reference', `tokenizers/${name}/cases.json`, dump));
  }
});
