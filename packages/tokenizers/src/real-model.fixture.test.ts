import { closeSync, existsSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { dumpJson, fixtureCase, fixturesDir, loadJson, loadSafetensors } from '@tessera-llm/testing';
import { afterAll, describe, expect, it } from 'vitest';
import { type Tokenizer, tokenizerFromGguf } from './index';

/** Reads the metadata of a GGUF file that is our own: no more than these tests need, and no checks. */
function metadataOf(path: string): Record<string, unknown> {
  const bytes = Buffer.alloc(1 << 25);
  const file = openSync(path, 'r');
  readSync(file, bytes, 0, bytes.length, 0);
  closeSync(file);
  let at = 16;
  const step = <T>(size: number, value: T): T => {
    at += size;
    return value;
  };
  const number = () => step(8, Number(bytes.readBigUInt64LE(at)));
  const string = () => {
    const size = number();
    return step(size, bytes.toString('utf8', at, at + size));
  };
  const value = (type: number): unknown => {
    switch (type) {
      case 0:
        return step(1, bytes.readUInt8(at));
      case 1:
        return step(1, bytes.readInt8(at));
      case 2:
        return step(2, bytes.readUInt16LE(at));
      case 3:
        return step(2, bytes.readInt16LE(at));
      case 4:
        return step(4, bytes.readUInt32LE(at));
      case 5:
        return step(4, bytes.readInt32LE(at));
      case 6:
        return step(4, bytes.readFloatLE(at));
      case 7:
        return step(1, bytes.readUInt8(at) !== 0);
      case 8:
        return string();
      case 9: {
        const inner = step(4, bytes.readUInt32LE(at));
        return Array.from({ length: number() }, () => value(inner));
      }
      case 10:
        return number();
      case 11:
        return step(8, Number(bytes.readBigInt64LE(at)));
      default:
        return step(8, bytes.readDoubleLE(at));
    }
  };
  const count = number();
  const metadata: Record<string, unknown> = {};
  for (let i = 0; i < count; i++) {
    const key = string();
    metadata[key] = value(step(4, bytes.readUInt32LE(at)));
  }
  return metadata;
}

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
    const computed: Record<string, unknown> = {};
    let metadata: Record<string, unknown> | null = null;
    const read = () => (metadata ??= metadataOf(path));
    let tokenizer: Tokenizer | null = null;
    const loaded = () => (tokenizer ??= tokenizerFromGguf(read()));
    // The reference, transformers, splits GGUF files of this architecture by GPT-2's pattern whatever `tokenizer.ggml.pre`
    // says. `smollm` (and the published tokenizer.json) takes digits out first: spaces before a digit then end a piece.
    let reference: Tokenizer | null = null;
    const asReference = () => (reference ??= tokenizerFromGguf({ ...read(), 'tokenizer.ggml.pre': 'gpt-2' }));
    const differs = /\s{2}\p{N}/u;
    const texts = { ...expected?.chats, ...expected?.passages };
    for (const [name, { text }] of Object.entries(texts)) {
      it(`encodes ${name}`, () =>
        fixtureCase('tokenizers', `real/${name}/input_ids`, () => {
          const ids = asReference().encodeIds(text);
          computed[`${name}.input_ids`] = ids;
          expect(ids).toEqual(idsOf(`${name}.input_ids`));
          const own = loaded().encodeIds(text);
          if (!differs.test(text)) expect(own).toEqual(ids);
          expect(loaded().decode(own, { skipSpecialTokens: false })).toBe(text);
        }));
    }
    for (const [name, { greedy_text: text }] of Object.entries(expected?.chats ?? {})) {
      it(`decodes the answer of ${name}`, () =>
        fixtureCase('tokenizers', `real/${name}/greedy_ids`, () => {
          const ids = idsOf(`${name}.greedy_ids`);
          const decoded = loaded().decode(ids, { skipSpecialTokens: false });
          computed[`${name}.greedy_text`] = decoded;
          expect(decoded).toBe(text);
          const stream = loaded().decodeStream({ skipSpecialTokens: false });
          expect(ids.map((id) => stream.push(id)).join('') + stream.flush()).toBe(text);
        }));
    }
    afterAll(() => dumpJson('reference', 'tokenizers/real-model.json', computed));
  },
);
