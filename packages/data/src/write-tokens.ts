import { createHash, type Hash } from 'node:crypto';
import { checkChoice, checkNoText, checkWhole, DataError } from './errors.js';
import { indexFile, shardFiles, type TokenIndex } from './index-file.js';
import { type FileWriter, writeNewFolder } from './new-folder.js';
import { checkIds, Fingerprint } from './token-source.js';

/** The part of a tokenizer that is needed here; every tokenizer of `@tessera-llm/tokenizers` has it. */
export interface Encoder {
  /** Token ids of a text. */
  encode(text: string): { readonly ids: ArrayLike<number> };
}

/** Options of {@link writeTokenIds}. */
export interface WriteTokenIdsOptions {
  /** Ids must lie below it; at most 2^31. Up to 65,536 entries take two bytes a token, more take four. */
  readonly vocabSize: number;
  /** Largest number of tokens in one shard, unless a single document has more. Default 100 million, 200 or 400 MB. */
  readonly maxShardTokens?: number;
  /** What to do with a document without tokens. Default `'error'`: it is usually a mistake upstream. */
  readonly onEmpty?: 'error' | 'skip';
  /** Called after each document. */
  readonly onProgress?: (done: { documents: number; tokens: number }) => void;
  /** Stops between documents by throwing its reason, leaving what was there before. */
  readonly signal?: AbortSignal;
}

/** Options of {@link writeTokens}. */
export interface WriteTokensOptions extends WriteTokenIdsOptions {
  /** Encodes each text; with the special tokens that it puts around a text, if it does. */
  readonly tokenizer: Encoder;
  /** Put before each document, unless the tokenizer already did. */
  readonly bosId?: number;
  /** Put after each document, unless the tokenizer already did. */
  readonly eosId?: number;
}

/**
 * Encodes texts, one document each, and writes them as token shards: `tokens-00000.bin` (ids),
 * `tokens-00000.doc` (document lengths) and so on, with checksums in `index.json`. The folder appears
 * when it is complete, and replaces an earlier one then; a folder that holds anything else is refused.
 *
 * @returns The index.
 * @throws DataError `empty_text` unless `onEmpty` is `'skip'`, `empty_corpus` if nothing is left, `vocab_mismatch` for
 * an id outside the vocabulary, `invalid_argument`, `write_failed`; the signal's reason; what `texts` throws.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { openTokens, writeTokens } from '@tessera-llm/data';
 *
 * const folder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'tokens');
 * const tokenizer = { encode: (text: string) => ({ ids: new TextEncoder().encode(text) }) };
 * await writeTokens(folder, ['first document', 'second'], { tokenizer, vocabSize: 257, eosId: 256 });
 * const source = await openTokens(folder, { vocabSize: 257 });
 * console.log(source.tokenCount); // 22
 * await source.close();
 * ```
 */
export async function writeTokens(
  folder: string,
  texts: Iterable<string> | AsyncIterable<string>,
  options: WriteTokensOptions,
): Promise<TokenIndex> {
  checkNoText('writeTokens', 'texts', texts);
  return writeTokenIds(folder, encodeAll(texts, options), options);
}

async function* encodeAll(
  texts: Iterable<string> | AsyncIterable<string>,
  { tokenizer, bosId, eosId }: WriteTokensOptions,
): AsyncGenerator<ArrayLike<number>, void, undefined> {
  for await (const text of texts) {
    const { ids } = tokenizer.encode(text);
    // An empty text stays empty, so that it is noticed and not turned into a lone special token.
    if (text === '' || ids.length === 0) {
      yield [];
      continue;
    }
    const before = bosId !== undefined && ids[0] !== bosId ? [bosId] : [];
    const after = eosId !== undefined && ids[ids.length - 1] !== eosId ? [eosId] : [];
    const whole = [...before];
    for (let i = 0; i < ids.length; i++) whole.push(ids[i] as number);
    whole.push(...after);
    yield whole;
  }
}

/**
 * Writes documents that are token ids already, as {@link writeTokens} does. Nothing is put around them.
 *
 * @returns The index.
 * @throws DataError as {@link writeTokens}
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { writeTokenIds } from '@tessera-llm/data';
 *
 * const folder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'tokens');
 * const index = await writeTokenIds(folder, [[1, 2, 3], [], [4, 5]], { vocabSize: 6, onEmpty: 'skip' });
 * console.log(index.document_count, index.token_count); // 2 5
 * ```
 */
export async function writeTokenIds(
  folder: string,
  documents: Iterable<ArrayLike<number>> | AsyncIterable<ArrayLike<number>>,
  { vocabSize, maxShardTokens = 100_000_000, onEmpty = 'error', onProgress, signal }: WriteTokenIdsOptions,
): Promise<TokenIndex> {
  const op = 'writeTokens';
  checkChoice(op, 'onEmpty', onEmpty, ['error', 'skip']);
  checkWhole(op, 'vocabSize', vocabSize);
  checkWhole(op, 'maxShardTokens', maxShardTokens);
  if (vocabSize > 2 ** 31)
    throw new DataError('invalid_argument', `[${op}] expected vocabSize <= 2^31, got ${vocabSize}`);
  const dtype = vocabSize <= 65536 ? 'uint16' : 'uint32';
  return writeNewFolder(folder, shardFiles, async (create) => {
    const fingerprint = new Fingerprint(vocabSize);
    const shards: TokenIndex['shards'] = [];
    const totals = { documents: 0, tokens: 0 };
    let shard: Shard | undefined;
    let seen = 0;
    for await (const ids of documents) {
      signal?.throwIfAborted();
      if (ids.length === 0) {
        if (onEmpty === 'error') {
          throw new DataError(
            'empty_text',
            `[${op}] expected tokens in every document, got none in document ${seen}; onEmpty: 'skip' leaves such documents out`,
          );
        }
      } else {
        checkIds(op, ids, vocabSize, seen);
        if (shard && shard.tokens + ids.length > maxShardTokens) {
          shards.push(await shard.end());
          shard = undefined;
        }
        shard ??= await Shard.create(`tokens-${String(shards.length).padStart(5, '0')}`, create);
        await shard.add(dtype === 'uint16' ? new Uint16Array(ids) : new Uint32Array(ids));
        fingerprint.add(ids);
        totals.documents += 1;
        totals.tokens += ids.length;
      }
      seen += 1;
      onProgress?.({ ...totals });
    }
    if (!shard)
      throw new DataError('empty_corpus', `[${op}] expected at least one document with tokens, got ${seen} without`);
    shards.push(await shard.end());
    const index: TokenIndex = {
      format: 'tessera-tokens',
      version: 1,
      dtype,
      vocab_size: vocabSize,
      token_count: totals.tokens,
      document_count: totals.documents,
      fingerprint: fingerprint.digest(),
      shards,
    };
    const file = await create(indexFile);
    await file.write(new TextEncoder().encode(`${JSON.stringify(index, null, 2)}\n`));
    await file.end();
    return index;
  });
}

/** Bytes that are gathered before they are written: documents can be a few tokens long. */
const bufferBytes = 1 << 20;

class HashedFile {
  readonly #hash: Hash = createHash('sha256');
  #waiting: Uint8Array[] = [];
  #waitingBytes = 0;

  constructor(private readonly file: FileWriter) {}

  async add(values: Uint16Array | Uint32Array): Promise<void> {
    this.#waiting.push(new Uint8Array(values.buffer, values.byteOffset, values.byteLength));
    this.#waitingBytes += values.byteLength;
    if (this.#waitingBytes >= bufferBytes) await this.#flush();
  }

  async #flush(): Promise<void> {
    const bytes = Buffer.concat(this.#waiting);
    this.#waiting = [];
    this.#waitingBytes = 0;
    this.#hash.update(bytes);
    await this.file.write(bytes);
  }

  async end(): Promise<string> {
    await this.#flush();
    await this.file.end();
    return this.#hash.digest('hex');
  }
}

class Shard {
  tokens = 0;
  #documents = 0;

  private constructor(
    private readonly name: string,
    private readonly ids: HashedFile,
    private readonly lengths: HashedFile,
  ) {}

  static async create(name: string, create: (name: string) => Promise<FileWriter>): Promise<Shard> {
    return new Shard(name, new HashedFile(await create(`${name}.bin`)), new HashedFile(await create(`${name}.doc`)));
  }

  async add(ids: Uint16Array | Uint32Array): Promise<void> {
    await this.ids.add(ids);
    await this.lengths.add(Uint32Array.of(ids.length));
    this.tokens += ids.length;
    this.#documents += 1;
  }

  async end(): Promise<TokenIndex['shards'][number]> {
    return {
      name: this.name,
      token_count: this.tokens,
      document_count: this.#documents,
      tokens_sha256: await this.ids.end(),
      documents_sha256: await this.lengths.end(),
    };
  }
}
