import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Unsupported, dumpJson, filesIn, fixtureCase, fixturesDir, loadJson } from '@tessera-llm/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { type RealChats, chatTests } from './chat/real-chats.test-support';
import {
  type GgufTokenizerMetadata,
  Tokenizer,
  TokenizerError,
  tokenizerFromGguf,
  tokenizerFromTiktoken,
  tokenizerToGguf,
} from './index';

interface Row {
  readonly text: string;
  readonly ids: readonly number[];
  readonly ids_with_special?: readonly number[];
  readonly ids_allow_special?: readonly number[];
  readonly decoded_with_special?: string;
}

/** The files are our own fixtures; their structure is described in their README. */
interface File extends RealChats {
  readonly file: string;
  readonly sha256: string;
  readonly pattern?: string;
  readonly special_tokens?: Readonly<Record<string, number>>;
  readonly cases: readonly Row[];
}

const folder = fixturesDir('tokenizers');
const packages = process.env.TESSERA_VOCABS ? join(process.env.TESSERA_VOCABS, 'node_modules') : null;
const names = filesIn(folder, '.json').filter((name) => name.startsWith('real-'));

function load(file: File, bytes: Uint8Array): Tokenizer {
  const text = new TextDecoder('utf-8', { ignoreBOM: true }).decode(bytes);
  if (file.pattern === undefined) return Tokenizer.fromJSON(JSON.parse(text));
  return tokenizerFromTiktoken(text, { pattern: file.pattern, specialTokens: file.special_tokens ?? {} });
}

/** What a row computes to. A rank file's plain ids take special tokens for text. */
function compute(tokenizer: Tokenizer, row: Row, ranks: boolean): Row {
  const ids = tokenizer.encodeIds(row.text, { addSpecialTokens: false, allowedSpecial: ranks ? 'none' : 'all' });
  const decoded = tokenizer.decode(ids, { skipSpecialTokens: false });
  return {
    text: row.text,
    ids,
    ...(row.ids_with_special && { ids_with_special: tokenizer.encodeIds(row.text) }),
    ...(row.ids_allow_special && { ids_allow_special: tokenizer.encodeIds(row.text, { allowedSpecial: 'all' }) }),
    ...(decoded !== row.text && { decoded_with_special: decoded }),
  };
}

describe.skipIf(folder === null)('fixtures/tokenizers/real-*.json (skipped where the fixtures are absent)', () => {
  for (const name of names) {
    const file = loadJson(join(folder ?? '', name)) as File;
    const path = packages === null ? null : join(packages, file.package, file.file);
    const absent = path === null || !existsSync(path);
    const title = absent ? `${name} (skipped: TESSERA_VOCABS names no folder with ${file.package})` : name;
    // The chats come first, so that all is there when the cases' block writes it.
    const chat: unknown[] = [];
    chatTests(name, file, packages, chat);
    describe.skipIf(absent)(title, () => {
      const cases: Row[] = [];
      let tokenizer: Tokenizer | null = null;
      const loaded = (): Tokenizer => {
        if (tokenizer !== null) return tokenizer;
        const bytes = readFileSync(path ?? '');
        expect(createHash('sha256').update(bytes).digest('hex')).toBe(file.sha256);
        tokenizer = load(file, bytes);
        return tokenizer;
      };
      file.cases.forEach((row, i) => {
        it(`case ${i}`, { timeout: 60_000 }, () =>
          fixtureCase('tokenizers', `${name}/cases/${i}`, () => {
            const got = compute(loaded(), row, file.pattern !== undefined);
            cases.push(got);
            expect(got).toEqual(row);
            // The full pipeline must give what the quick one does.
            const { ids } = loaded().encode(row.text, {
              addSpecialTokens: false,
              allowedSpecial: file.pattern === undefined ? 'all' : 'none',
              padding: {},
            });
            expect([...ids]).toEqual(row.ids);
          }),
        );
      });
      it('written and read again', { timeout: 60_000 }, () =>
        fixtureCase('tokenizers', `${name}/json`, () => {
          const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(loaded())));
          for (const row of file.cases.slice(0, 80)) {
            const options = { addSpecialTokens: false, allowedSpecial: file.pattern ? 'none' : 'all' } as const;
            expect(again.encodeIds(row.text, options)).toEqual(row.ids);
          }
        }),
      );
      it('as GGUF metadata and back', { timeout: 60_000 }, () =>
        fixtureCase('tokenizers', `${name}/gguf`, () => {
          let metadata: GgufTokenizerMetadata;
          try {
            metadata = tokenizerToGguf(loaded());
          } catch (error) {
            if (error instanceof TokenizerError && error.code === 'unsupported') throw new Unsupported(error.message);
            throw error;
          }
          const again = tokenizerFromGguf(metadata);
          for (const row of file.cases.slice(0, 120)) {
            const options = { addSpecialTokens: false, allowedSpecial: file.pattern ? 'none' : 'all' } as const;
            expect(again.encodeIds(row.text, options)).toEqual(row.ids);
            expect(again.encodeIds(row.text)).toEqual(loaded().encodeIds(row.text));
          }
        }),
      );
      afterAll(() => dumpJson('reference', `tokenizers/${name}`, { cases, ...(chat.length > 0 && { chat }) }));
    });
  }
});
