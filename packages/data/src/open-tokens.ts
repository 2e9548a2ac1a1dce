import { createHash } from 'node:crypto';
import { type FileHandle, open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DataError, readingFile } from './errors.js';
import { idBytes, readTokenIndex, type TokenIndex } from './index-file.js';
import { checkRange, offsetsOf, type TokenSource } from './token-source.js';

/** Options of {@link openTokens}. */
export interface OpenTokensOptions {
  /**
   * The model's vocabulary; data of a larger one is refused. Default: any. The source's `vocabSize` is the data's own
   * in either case.
   */
  readonly vocabSize?: number;
  /**
   * Also read every shard once and compare its checksum. Default false: sizes, document lengths and
   * the range of every id that is read are always checked, the full pass costs a read of everything.
   */
  readonly verify?: boolean;
}

interface OpenShard {
  readonly path: string;
  readonly handle: FileHandle;
  /** Position of its first token among all tokens. */
  readonly start: number;
  readonly tokens: number;
}

/**
 * Opens a folder of token shards for random access. Document lengths are held in memory (eight bytes
 * a document), tokens are read when asked for.
 *
 * @throws DataError `missing_file`, `read_failed`, `corrupted_data` (sizes or checksums that differ
 * from the index), `vocab_mismatch`
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { openTokens, writeTokenIds } from '@tessera-llm/data';
 *
 * const folder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'tokens');
 * await writeTokenIds(folder, [[1, 2, 3], [4, 5]], { vocabSize: 6 });
 * const source = await openTokens(folder, { vocabSize: 6, verify: true });
 * const target = new Int32Array(3);
 * await source.read(1, target);
 * console.log(target, source.documentOffsets); // [2, 3, 4] [0, 3, 5]
 * await source.close();
 * ```
 */
export async function openTokens(
  folder: string,
  { vocabSize, verify = false }: OpenTokensOptions = {},
): Promise<TokenSource> {
  const index = await readTokenIndex(folder);
  if (vocabSize !== undefined && !(vocabSize >= index.vocab_size)) {
    throw new DataError(
      'vocab_mismatch',
      `[openTokens] expected data for a vocabulary of at most ${vocabSize}, got ${index.vocab_size} (${folder}); encode the texts with this model's tokenizer`,
    );
  }
  const shards: OpenShard[] = [];
  const close = async () => {
    await Promise.all(shards.map(({ handle }) => handle.close()));
  };
  try {
    const lengths: Uint32Array[] = [];
    let start = 0;
    for (const shard of index.shards) {
      lengths.push(await readLengths(folder, shard));
      const path = join(folder, `${shard.name}.bin`);
      const handle = await readingFile(path, () => open(path, 'r'));
      shards.push({ path, handle, start, tokens: shard.token_count });
      await checkShard(path, handle, shard, { bytes: shard.token_count * idBytes[index.dtype], verify });
      start += shard.token_count;
    }
    return source(index, shards, concat(lengths, index.document_count), close);
  } catch (error) {
    await close();
    throw error;
  }
}

function source(
  index: TokenIndex,
  shards: readonly OpenShard[],
  documentOffsets: Float64Array,
  close: () => Promise<void>,
): TokenSource {
  const width = idBytes[index.dtype];
  return {
    fingerprint: index.fingerprint,
    vocabSize: index.vocab_size,
    tokenCount: index.token_count,
    documentCount: index.document_count,
    documentOffsets,
    async read(start, target) {
      checkRange(start, target.length, index.token_count);
      for (const shard of shards) {
        const from = Math.max(start, shard.start);
        const to = Math.min(start + target.length, shard.start + shard.tokens);
        if (from >= to) continue;
        const part = target.subarray(from - start, to - start);
        await readIds(shard, { at: (from - shard.start) * width, width, vocabSize: index.vocab_size }, part);
      }
    },
    close,
  };
}

async function readIds(
  { path, handle }: OpenShard,
  { at, width, vocabSize }: { at: number; width: 2 | 4; vocabSize: number },
  target: Int32Array,
): Promise<void> {
  const bytes = new Uint8Array(target.length * width);
  for (let done = 0; done < bytes.length; ) {
    const { bytesRead } = await readingFile(path, () => handle.read(bytes, done, bytes.length - done, at + done));
    if (bytesRead === 0)
      throw corrupted(path, `${bytes.length} bytes at ${at}`, `${done}; was the file cut while open?`);
    done += bytesRead;
  }
  const ids = width === 2 ? new Uint16Array(bytes.buffer) : new Uint32Array(bytes.buffer);
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] ?? vocabSize;
    if (id >= vocabSize) throw corrupted(path, `ids below ${vocabSize}`, `${id} at byte ${at + i * width}`);
    target[i] = id;
  }
}

async function readLengths(folder: string, shard: TokenIndex['shards'][number]): Promise<Uint32Array> {
  const path = join(folder, `${shard.name}.doc`);
  const bytes = await readingFile(path, () => readFile(path));
  const expected = shard.document_count * 4;
  if (bytes.byteLength !== expected) throw corrupted(path, `${expected} bytes`, `${bytes.byteLength}`);
  if (createHash('sha256').update(bytes).digest('hex') !== shard.documents_sha256) {
    throw corrupted(path, 'the checksum of its index', 'another');
  }
  const lengths = new Uint32Array(Uint8Array.from(bytes).buffer);
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (total !== shard.token_count) throw corrupted(path, `lengths that sum to ${shard.token_count}`, `${total}`);
  return lengths;
}

async function checkShard(
  path: string,
  handle: FileHandle,
  shard: TokenIndex['shards'][number],
  { bytes, verify }: { bytes: number; verify: boolean },
): Promise<void> {
  const { size } = await readingFile(path, () => handle.stat());
  if (size !== bytes) throw corrupted(path, `${bytes} bytes`, `${size}`);
  if (!verify) return;
  const hash = createHash('sha256');
  const stream = handle.createReadStream({ start: 0, autoClose: false, highWaterMark: 1 << 20 });
  await readingFile(path, async () => {
    for await (const chunk of stream) hash.update(chunk);
  });
  if (hash.digest('hex') !== shard.tokens_sha256) throw corrupted(path, 'the checksum of its index', 'another');
}

function concat(parts: readonly Uint32Array[], documents: number): Float64Array {
  const all = new Uint32Array(documents);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return offsetsOf(all, documents);
}

function corrupted(path: string, expected: string, got: string): DataError {
  return new DataError(
    'corrupted_data',
    `[openTokens] expected ${expected}, got ${got} (${path}); write the shards again`,
  );
}
