import { readFile } from 'node:fs/promises';
import { checkNoText, DataError, readingFile } from './errors.js';

/**
 * The texts of files, one document each, in the order given, for {@link writeTokens}. One file is in memory at a time;
 * a byte order mark at its beginning is left out.
 *
 * @throws DataError `missing_file`, `read_failed`, `invalid_text` for bytes that are not UTF-8 (a
 * silent replacement character would be learned), `empty_text` for an empty file, `invalid_argument` for
 * one path instead of a list.
 *
 * @example
 * ```ts
 * import { mkdtemp, writeFile } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readTextFiles } from '@tessera-llm/data';
 *
 * const path = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'a.txt');
 * await writeFile(path, 'once upon a time');
 * for await (const text of readTextFiles([path])) console.log(text); // 'once upon a time'
 * ```
 */
export async function* readTextFiles(paths: Iterable<string>): AsyncGenerator<string, void, undefined> {
  checkNoText('readTextFiles', 'paths', paths);
  for (const path of paths) {
    const bytes = await readingFile(path, () => readFile(path));
    let text: string;
    try {
      text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    } catch (cause) {
      throw new DataError('invalid_text', `[readTextFiles] expected UTF-8, got other bytes in ${path}`, { cause });
    }
    if (text === '') throw new DataError('empty_text', `[readTextFiles] expected a text, got an empty file: ${path}`);
    yield text;
  }
}
