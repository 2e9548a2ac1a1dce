import { readFile } from 'node:fs/promises';
import { checkNoText, DataError, readingFile } from './errors.js';

/**
 * The texts of files, one document each, in the order given.
 *
 * @throws DataError `missing_file`, `read_failed`, `invalid_text` for bytes that are not UTF-8 (a
 * silent replacement character would be learned), `empty_text`, `invalid_argument`
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
