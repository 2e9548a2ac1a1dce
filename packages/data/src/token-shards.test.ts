import { writeFileSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openTokens } from './open-tokens.js';
import { readTextFiles } from './read-texts.js';
import { tokensFromArrays } from './token-source.js';
import { writeTokenIds, writeTokens } from './write-tokens.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tessera-data-'));
});
afterEach(() => rm(folder, { recursive: true }));

const bytes = { encode: (text: string) => ({ ids: new TextEncoder().encode(text) }) };
const documents = [[1, 2, 3], [4], [5, 6, 7, 8, 9], [10, 11]];

describe('writeTokens and openTokens', () => {
  it.each([
    ['one uint16 shard', 300, 1e6],
    ['several uint16 shards', 300, 4],
    ['several uint32 shards', 70_000, 4],
  ])('give back every document from %s', async (_, vocabSize, maxShardTokens) => {
    const path = join(folder, 'tokens');
    const index = await writeTokenIds(path, documents, { vocabSize, maxShardTokens });
    expect(index.dtype).toBe(vocabSize === 300 ? 'uint16' : 'uint32');
    expect(index.shards.length).toBe(maxShardTokens === 4 ? 3 : 1);
    const source = await openTokens(path, { verify: true });
    expect([...source.documentOffsets]).toEqual([0, 3, 4, 9, 11]);
    const all = new Int32Array(11);
    await source.read(0, all);
    expect([...all]).toEqual(documents.flat());
    const across = new Int32Array(6);
    await source.read(2, across);
    expect([...across]).toEqual([3, 4, 5, 6, 7, 8]);
    await expect(source.read(6, across)).rejects.toMatchObject({ code: 'invalid_argument' });
    await source.close();
  });

  it('have a fingerprint of the data alone', async () => {
    const fingerprint = async (name: string, docs: number[][], maxShardTokens: number, vocabSize = 300) =>
      (await writeTokenIds(join(folder, name), docs, { vocabSize, maxShardTokens })).fingerprint;
    const first = await fingerprint('a', documents, 1e6);
    expect(await fingerprint('b', documents, 3)).toBe(first);
    expect(tokensFromArrays(documents, { vocabSize: 300 }).fingerprint).toBe(first);
    expect(await fingerprint('c', [[1, 2, 3, 4], ...documents.slice(2)], 1e6)).not.toBe(first);
    expect(await fingerprint('d', documents, 1e6, 301)).not.toBe(first);
  });

  it('put special tokens around documents once', async () => {
    const path = join(folder, 'tokens');
    const tokenizer = {
      encode: (text: string) => ({ ids: text === 'b' ? [256, 98, 257] : [...new TextEncoder().encode(text)] }),
    };
    await writeTokens(path, ['a', 'b'], { tokenizer, vocabSize: 258, bosId: 256, eosId: 257 });
    const source = await openTokens(path);
    const all = new Int32Array(source.tokenCount);
    await source.read(0, all);
    expect([...all]).toEqual([256, 97, 257, 256, 98, 257]);
    await source.close();
  });

  it('replace an earlier folder, and leave it whole when writing fails', async () => {
    const path = join(folder, 'tokens');
    await writeTokens(path, ['one'], { tokenizer: bytes, vocabSize: 256 });
    await writeTokens(path, ['four'], { tokenizer: bytes, vocabSize: 256 });
    async function* failing() {
      yield 'five';
      throw new Error('source broke');
    }
    await expect(writeTokens(path, failing(), { tokenizer: bytes, vocabSize: 256 })).rejects.toThrow('source broke');
    const stop = AbortSignal.abort(new Error('stopped'));
    await expect(writeTokens(path, ['six'], { tokenizer: bytes, vocabSize: 256, signal: stop })).rejects.toThrow(
      'stopped',
    );
    const source = await openTokens(path, { verify: true });
    expect(source.tokenCount).toBe(4);
    await source.close();
    expect(await readdir(folder)).toEqual(['tokens']);
  });

  it('leave what is not theirs where it is', async () => {
    const path = join(folder, 'corpus');
    const attempt = (options = {}) => writeTokens(path, ['one'], { tokenizer: bytes, vocabSize: 256, ...options });
    await writeFile(path, 'a text');
    await expect(attempt()).rejects.toMatchObject({ code: 'write_failed', message: expect.stringContaining('a file') });
    expect(await readFile(path, 'utf8')).toBe('a text');
    await rm(path);
    await mkdir(path);
    await writeFile(join(path, 'novel.txt'), 'a text');
    await expect(attempt()).rejects.toMatchObject({
      code: 'write_failed',
      message: expect.stringMatching(/novel\.txt/),
    });
    await rm(join(path, 'novel.txt'));
    // Also what comes while the texts are read.
    const onProgress = () => writeFileSync(join(path, 'novel.txt'), 'a text');
    await expect(attempt({ onProgress })).rejects.toMatchObject({ code: 'write_failed' });
    expect(await readdir(path)).toEqual(['novel.txt']);
    expect(await readdir(folder)).toEqual(['corpus']);
  });

  it('refuse a lone text, whose characters would be documents, and options that they do not know', async () => {
    const refused = { code: 'invalid_argument' };
    const options = { tokenizer: bytes, vocabSize: 256 };
    const path = join(folder, 'tokens');
    await expect(writeTokens(path, 'one', options)).rejects.toMatchObject(refused);
    const unknown = { ...options, onEmpty: 'drop' as 'skip' };
    await expect(writeTokens(path, ['one'], unknown)).rejects.toMatchObject(refused);
    await expect(collect(readTextFiles(join(folder, 'a')))).rejects.toMatchObject(refused);
    expect(() => tokensFromArrays(documents, { vocabSize: Number.NaN })).toThrow(expect.objectContaining(refused));
    expect(await readdir(folder)).toEqual([]);
  });

  it('name an empty text, an empty corpus and an id outside the vocabulary', async () => {
    const path = join(folder, 'tokens');
    const write = (texts: string[], onEmpty?: 'skip') =>
      writeTokens(path, texts, { tokenizer: bytes, vocabSize: 120, ...(onEmpty && { onEmpty }) });
    await expect(write(['a', ''])).rejects.toMatchObject({
      code: 'empty_text',
      message: expect.stringContaining('document 1'),
    });
    await expect(write([])).rejects.toMatchObject({ code: 'empty_corpus' });
    await expect(write([''], 'skip')).rejects.toMatchObject({ code: 'empty_corpus' });
    await expect(write(['az'])).rejects.toMatchObject({
      code: 'vocab_mismatch',
      message: expect.stringContaining('got 122 at token 1 of document 0'),
    });
    expect((await write(['', 'a', ''], 'skip')).document_count).toBe(1);
    await expect(openTokens(path, { vocabSize: 100 })).rejects.toMatchObject({ code: 'vocab_mismatch' });
    await writeFile(join(folder, 'file'), '');
    await expect(
      writeTokens(join(folder, 'file', 'x'), ['a'], { tokenizer: bytes, vocabSize: 256 }),
    ).rejects.toMatchObject({ code: 'write_failed' });
    expect((await readdir(folder)).sort()).toEqual(['file', 'tokens']);
  });
});

describe('openTokens on damaged folders', () => {
  const path = () => join(folder, 'tokens');
  const open = (verify = false) => openTokens(path(), { verify });
  beforeEach(() => writeTokenIds(path(), documents, { vocabSize: 300 }));

  it('notices a cut or changed shard, and an id that cannot be', async () => {
    const shard = join(path(), 'tokens-00000.bin');
    const good = await readFile(shard);
    await writeFile(shard, Uint8Array.from(good).fill(2, 0, 1));
    await expect(open(true)).rejects.toMatchObject({
      code: 'corrupted_data',
      message: expect.stringContaining('checksum'),
    });
    await writeFile(shard, Uint8Array.from(good).fill(255, 4, 6));
    const source = await open();
    await expect(source.read(0, new Int32Array(4))).rejects.toMatchObject({
      code: 'corrupted_data',
      message: expect.stringContaining('got 65535 at byte 4'),
    });
    await source.close();
    await truncate(shard, 10);
    await expect(open()).rejects.toMatchObject({
      code: 'corrupted_data',
      message: expect.stringContaining('expected 22 bytes, got 10'),
    });
    await rm(shard);
    await expect(open()).rejects.toMatchObject({ code: 'missing_file' });
  });

  it('notices changed document lengths', async () => {
    const lengths = join(path(), 'tokens-00000.doc');
    const good = await readFile(lengths);
    await writeFile(lengths, Uint8Array.from(good).fill(4, 0, 1));
    await expect(open()).rejects.toMatchObject({ code: 'corrupted_data' });
    await writeFile(lengths, good.subarray(4));
    await expect(open()).rejects.toMatchObject({ code: 'corrupted_data' });
  });

  it.each([
    ['no JSON', () => '{"format":'],
    ['another format', (text: string) => text.replace('tessera-tokens', 'other')],
    ['a path as shard', (text: string) => text.replace('tokens-00000', '../tokens')],
    ['a total that is not the sum', (text: string) => text.replace('"token_count": 11', '"token_count": 12')],
  ])('refuses an index with %s', async (_, change) => {
    const index = join(path(), 'index.json');
    await writeFile(index, change(await readFile(index, 'utf8')));
    await expect(open()).rejects.toMatchObject({ code: 'corrupted_data' });
  });

  it('names a missing folder', async () => {
    await expect(openTokens(join(folder, 'absent'))).rejects.toMatchObject({ code: 'missing_file' });
  });
});

describe('readTextFiles', () => {
  it('yields each file, refusing what is empty or no UTF-8', async () => {
    const file = async (name: string, content: string | Uint8Array) => {
      await writeFile(join(folder, name), content);
      return join(folder, name);
    };
    const read = (...paths: string[]) => collect(readTextFiles(paths));
    const [a, b] = [await file('a', 'one'), await file('b', 'zwölf')];
    expect(await read(a, b)).toEqual(['one', 'zwölf']);
    await expect(read(await file('c', Uint8Array.of(0xff)))).rejects.toMatchObject({ code: 'invalid_text' });
    await expect(read(await file('d', ''))).rejects.toMatchObject({ code: 'empty_text' });
    await expect(read(join(folder, 'e'))).rejects.toMatchObject({ code: 'missing_file' });
  });
});

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
