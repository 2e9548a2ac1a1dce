import { createHash } from 'node:crypto';
import { checkWhole, DataError } from './errors.js';

/**
 * Tokenised documents, end to end, with random access: shards on disk ({@link openTokens}) or arrays
 * in memory ({@link tokensFromArrays}).
 */
export interface TokenSource {
  /** A SHA-256 over ids and document lengths: equal for equal data, however it is stored. */
  readonly fingerprint: string;
  /** Every id lies below it. */
  readonly vocabSize: number;
  /** Tokens of all documents. */
  readonly tokenCount: number;
  readonly documentCount: number;
  /** (documents + 1): document d holds tokens `documentOffsets[d]` up to `documentOffsets[d + 1]`. */
  readonly documentOffsets: Float64Array;
  /**
   * Fills `target` with the tokens from `start` on, across documents.
   *
   * @throws DataError `invalid_argument` for tokens that do not exist; of shards also `read_failed`, and
   * `corrupted_data` for ids outside the vocabulary.
   */
  read(start: number, target: Int32Array): Promise<void>;
  /** Closes the files of shards; nothing can be read afterwards. Does nothing in memory. */
  close(): Promise<void>;
}

/** Hashes documents one by one; the same for a source in memory and its shards, whatever their size. */
export class Fingerprint {
  readonly #hash = createHash('sha256');

  constructor(vocabSize: number) {
    this.#hash.update(`tessera-tokens 1 ${vocabSize}\n`);
  }

  add(ids: ArrayLike<number>): void {
    this.#hash.update(Uint32Array.of(ids.length));
    this.#hash.update(new Uint32Array(ids));
  }

  digest(): string {
    return this.#hash.digest('hex');
  }
}

/**
 * Checks the ids of a document against the vocabulary.
 *
 * @throws DataError `vocab_mismatch`
 */
export function checkIds(op: string, ids: ArrayLike<number>, vocabSize: number, document: number): void {
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] ?? -1;
    if (!(Number.isInteger(id) && id >= 0 && id < vocabSize)) {
      throw new DataError(
        'vocab_mismatch',
        `[${op}] expected ids 0 to ${vocabSize - 1}, got ${id} at token ${i} of document ${document}`,
      );
    }
  }
}

/** Where each document starts: (documents + 1), the last entry is the number of tokens. */
export function offsetsOf(lengths: Iterable<number>, documents: number): Float64Array {
  const offsets = new Float64Array(documents + 1);
  let at = 0;
  let total = 0;
  for (const length of lengths) {
    total += length;
    at += 1;
    offsets[at] = total;
  }
  return offsets;
}

/**
 * A {@link TokenSource} over documents in memory, of which it makes a copy.
 *
 * @throws DataError `empty_corpus` for no documents, `empty_text` for a document without tokens, `vocab_mismatch` for
 * an id outside the vocabulary, `invalid_argument`
 *
 * @example
 * ```ts
 * import { tokensFromArrays } from '@tessera-llm/data';
 *
 * const source = tokensFromArrays([[1, 2, 3], [4, 5]], { vocabSize: 6 });
 * console.log(source.tokenCount, source.documentCount); // 5 2
 * ```
 */
export function tokensFromArrays(
  documents: readonly ArrayLike<number>[],
  { vocabSize }: { vocabSize: number },
): TokenSource {
  const op = 'tokensFromArrays';
  checkWhole(op, 'vocabSize', vocabSize);
  if (documents.length === 0) throw new DataError('empty_corpus', `[${op}] expected at least one document, got none`);
  const fingerprint = new Fingerprint(vocabSize);
  for (const [index, ids] of documents.entries()) {
    if (ids.length === 0)
      throw new DataError('empty_text', `[${op}] expected tokens in every document, got none in document ${index}`);
    checkIds(op, ids, vocabSize, index);
    fingerprint.add(ids);
  }
  const documentOffsets = offsetsOf(
    documents.map((ids) => ids.length),
    documents.length,
  );
  const tokens = new Int32Array(documentOffsets.at(-1) ?? 0);
  for (const [index, ids] of documents.entries()) tokens.set(ids, documentOffsets[index]);
  return {
    fingerprint: fingerprint.digest(),
    vocabSize,
    tokenCount: tokens.length,
    documentCount: documents.length,
    documentOffsets,
    async read(start, target) {
      checkRange(start, target.length, tokens.length);
      target.set(tokens.subarray(start, start + target.length));
    },
    close: async () => {},
  };
}

/** @throws DataError `invalid_argument` unless the range lies inside the tokens. */
export function checkRange(start: number, length: number, tokenCount: number): void {
  if (!(Number.isSafeInteger(start) && start >= 0 && start + length <= tokenCount)) {
    throw new DataError(
      'invalid_argument',
      `[read] expected a range inside ${tokenCount} tokens, got ${start} to ${start + length}`,
    );
  }
}
