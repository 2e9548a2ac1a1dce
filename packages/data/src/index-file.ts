import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { DataError, readingFile } from './errors.js';

export const indexFile = 'index.json';

/** Every file of a folder of token shards. */
export const shardFiles = /^(index\.json|tokens-\d{5}\.(bin|doc))$/;

const size = z.int().nonnegative();
const sha256 = z.string().regex(/^[0-9a-f]{64}$/);

/** `index.json` of a folder of token shards. */
export const tokenIndexSchema = z.object({
  format: z.literal('tessera-tokens'),
  version: z.literal(1),
  dtype: z.enum(['uint16', 'uint32']),
  vocab_size: size,
  token_count: size,
  document_count: size,
  fingerprint: sha256,
  shards: z
    .array(
      z.object({
        /** `<name>.bin` holds the ids, `<name>.doc` the length of each document as uint32. */
        name: z.string().regex(/^tokens-\d{5}$/),
        token_count: size,
        document_count: size,
        tokens_sha256: sha256,
        documents_sha256: sha256,
      }),
    )
    .min(1),
});

/**
 * The description of a folder of token shards, as in its `index.json`: `dtype` of the ids (uint16 or uint32,
 * little-endian), counts, the fingerprint of a `TokenSource`, and counts and SHA-256 checksums of every shard.
 */
export type TokenIndex = z.infer<typeof tokenIndexSchema>;

/** Bytes per token id. */
export const idBytes = { uint16: 2, uint32: 4 } as const;

/**
 * Reads a folder's `index.json` and checks its form and sums; the shards are not looked at.
 *
 * @throws DataError `missing_file`, `read_failed`, `corrupted_data`
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readTokenIndex, writeTokenIds } from '@tessera-llm/data';
 *
 * const folder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'tokens');
 * await writeTokenIds(folder, [[1, 2, 3], [4, 5]], { vocabSize: 6 });
 * const { dtype, token_count } = await readTokenIndex(folder);
 * console.log(dtype, token_count); // 'uint16' 5
 * ```
 */
export async function readTokenIndex(folder: string): Promise<TokenIndex> {
  const path = join(folder, indexFile);
  const text = await readingFile(path, () => readFile(path, 'utf8'));
  const fail = (what: string, cause?: unknown) =>
    new DataError(
      'corrupted_data',
      `[openTokens] expected an index of token shards, got: ${what.slice(0, 500)} (${path})`,
      { cause },
    );
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw fail(String(cause), cause);
  }
  const parsed = tokenIndexSchema.safeParse(json);
  if (!parsed.success) throw fail(z.prettifyError(parsed.error), parsed.error);
  const index = parsed.data;
  const sum = (key: 'token_count' | 'document_count') => index.shards.reduce((total, shard) => total + shard[key], 0);
  if (sum('token_count') !== index.token_count || sum('document_count') !== index.document_count) {
    throw fail(`totals ${index.token_count} and ${index.document_count} that are not the sums over its shards`);
  }
  return index;
}
