import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { ggufPlainMetadata, openGguf } from '@tessera-llm/formats';
import { dumpTensors, fixtureCase, fixturesDir, flushDump, loadJson, loadSafetensors } from '@tessera-llm/testing';
import { type Tokenizer, tokenizerFromGguf } from '@tessera-llm/tokenizers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

interface Chat {
  readonly text: string;
  readonly greedy_text: string;
}

interface Expected {
  readonly model: string;
  readonly chats: Readonly<Record<string, Chat>>;
  readonly passages: Readonly<Record<string, { readonly text: string }>>;
}

const folder = fixturesDir('real');
const expected = folder === null ? null : (loadJson(join(folder, 'expected.json')) as Expected);
const path = join(folder ?? '', '..', '..', 'models', expected?.model ?? '');
const absent = expected === null || !existsSync(path);

describe.skipIf(absent)(
  'ids of fixtures/real from the metadata of the GGUF file (skipped where that is absent)',
  () => {
    const tensors = folder === null ? {} : loadSafetensors(join(folder, 'expected.safetensors'));
    const idsOf = (name: string) => Array.from(tensors[name]?.data ?? []);
    let own: Tokenizer;
    // The reference, transformers, splits GGUF files of this architecture by GPT-2's pattern whatever `tokenizer.ggml.pre`
    // says. `smollm` (and the published tokenizer.json) takes digits out first: spaces before a digit then end a piece.
    let reference: Tokenizer;
    const differs = /\s{2}\p{N}/u;
    beforeAll(async () => {
      const file = await openGguf(path);
      const metadata = ggufPlainMetadata(file.metadata);
      await file.close();
      own = tokenizerFromGguf(metadata);
      reference = tokenizerFromGguf({ ...metadata, 'tokenizer.ggml.pre': 'gpt-2' });
    });
    const texts = { ...expected?.chats, ...expected?.passages };
    for (const [name, { text }] of Object.entries(texts)) {
      it(`encodes ${name}`, () =>
        fixtureCase('tokenizers', `real/${name}/input_ids`, () => {
          const ids = own.encodeIds(text);
          dumpTensors('reference', 'real/expected.safetensors', {
            [`${name}.input_ids`]: { shape: [ids.length], dtype: 'int32', data: Int32Array.from(ids) },
          });
          expect(reference.encodeIds(text)).toEqual(idsOf(`${name}.input_ids`));
          if (!differs.test(text)) expect(ids).toEqual(idsOf(`${name}.input_ids`));
          expect(own.decode(ids, { skipSpecialTokens: false })).toBe(text);
        }));
    }
    for (const [name, { greedy_text: text }] of Object.entries(expected?.chats ?? {})) {
      it(`decodes the answer of ${name}`, () =>
        fixtureCase('tokenizers', `real/${name}/greedy_ids`, () => {
          const ids = idsOf(`${name}.greedy_ids`);
          const decoded = own.decode(ids, { skipSpecialTokens: false });
          expect(decoded).toBe(text);
          const stream = own.decodeStream({ skipSpecialTokens: false });
          expect(ids.map((id) => stream.push(id)).join('') + stream.flush()).toBe(text);
        }));
    }
    afterAll(flushDump);
  },
);
