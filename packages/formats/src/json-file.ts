import { readFile, stat } from 'node:fs/promises';
import { writeFileAtomic } from './atomic.js';
import { FormatsError, systemCode } from './errors.js';

/** Any JSON value. */
export type JsonValue = null | boolean | number | string | readonly JsonValue[] | JsonObject;

/** A JSON object, as Hugging Face configurations are: keys in snake_case, kept as they are. */
export interface JsonObject {
  readonly [key: string]: JsonValue;
}

/** Larger than any tokenizer.json in use; bounds what a hostile file can make us hold. */
const maxJsonBytes = 256 << 20;

/**
 * Reads a JSON file whose top level is an object.
 *
 * @param options `maxBytes`: default 256 MiB, larger than any tokenizer.json in use; it bounds what a hostile file can
 * make us hold.
 * @throws FormatsError `missing_file`, `read_failed`, or `invalid_json` if it is no UTF-8, no JSON, no
 * object, or beyond `maxBytes`.
 *
 * @example
 * ```ts
 * import { mkdtemp, writeFile } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readJsonFile } from '@tessera-llm/formats';
 *
 * const path = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'config.json');
 * await writeFile(path, '{ "hidden_size": 64 }');
 * console.log((await readJsonFile(path)).hidden_size); // 64
 * ```
 */
export async function readJsonFile(
  path: string,
  { maxBytes = maxJsonBytes }: { maxBytes?: number } = {},
): Promise<JsonObject> {
  const bytes = await readLimited(path, maxBytes);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    const what = cause instanceof Error ? cause.message : String(cause);
    throw new FormatsError('invalid_json', `[readJsonFile] expected JSON, got: ${what.slice(0, 200)} (${path})`, {
      cause,
    });
  }
  if (!isJsonObject(value)) {
    const got = Array.isArray(value) ? 'an array' : value === null ? 'null' : `a ${typeof value}`;
    throw new FormatsError('invalid_json', `[readJsonFile] expected an object at the top level, got ${got} (${path})`);
  }
  return value;
}

/**
 * Writes a JSON object atomically, indented by two spaces with a final newline, as Hugging Face tools do.
 *
 * @throws FormatsError `write_failed`
 *
 * @example
 * ```ts
 * import { mkdtemp, readFile } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { writeJsonFile } from '@tessera-llm/formats';
 *
 * const path = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'config.json');
 * await writeJsonFile(path, { n: 1 });
 * console.log((await readFile(path, 'utf8')).split('\n')); // ['{', '  "n": 1', '}', '']
 * ```
 */
export async function writeJsonFile(path: string, value: JsonObject): Promise<void> {
  await writeFileAtomic(path, `${JSON.stringify(value, null, 2)}\n`);
}

// What JSON.parse returns is a JsonValue by construction, so that looking at the top level is enough.
function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

async function readLimited(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const { size } = await stat(path);
    if (size > maxBytes) {
      throw new FormatsError(
        'invalid_json',
        `[readJsonFile] expected at most ${maxBytes} bytes, got ${size} (${path})`,
      );
    }
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof FormatsError) throw cause;
    const code = systemCode(cause) ?? 'an error';
    throw new FormatsError(
      code === 'ENOENT' ? 'missing_file' : 'read_failed',
      `[readJsonFile] expected a readable file, got ${code} for ${path}`,
      { cause },
    );
  }
}
