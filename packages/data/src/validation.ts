import { checkChoice, checkWhole } from './errors.js';
import type { TokenLoaderOptions } from './loader.js';
import { readBatch, type TokenBatch } from './token-batch.js';
import type { TokenSource } from './token-source.js';
import { checkPredictable, documentModes, type Unit, Units } from './units.js';

/**
 * One pass in file order for validation: each document in windows of `seqLen` inputs from its start, the
 * last one shorter, and no window in two batches, so a batch has at most batchSize * seqLen tokens. The
 * same batches every time. Each token is predicted once, the first of each document (joined: of all) aside.
 *
 * @throws DataError `invalid_argument`; `empty_corpus` if no document has two tokens; what `source.read` throws.
 *
 * @example
 * ```ts
 * import { tokensFromArrays, validationBatches } from '@tessera-llm/data';
 *
 * const source = tokensFromArrays([[1, 2, 3, 4, 5, 6], [7, 8]], { vocabSize: 9 });
 * const inputs = [];
 * for await (const { ids } of validationBatches(source, { batchSize: 1, seqLen: 3 })) inputs.push([...ids]);
 * console.log(inputs); // [[1, 2, 3], [4, 5, 7]]
 * ```
 */
export async function* validationBatches(
  source: TokenSource,
  { batchSize, seqLen, documents = 'separate' }: Pick<TokenLoaderOptions, 'batchSize' | 'seqLen' | 'documents'>,
): AsyncGenerator<TokenBatch, void, undefined> {
  const op = 'validationBatches';
  checkWhole(op, 'batchSize', batchSize);
  checkWhole(op, 'seqLen', seqLen);
  checkChoice(op, 'documents', documents, documentModes);
  const units = new Units(source, documents, seqLen);
  checkPredictable(op, units);
  let runs: Unit[] = [];
  let filled = 0;
  for (let index = 0; index < units.count; index++) {
    const unit = units.at(index);
    if (filled + unit.length > batchSize * seqLen) {
      yield await readBatch(source, runs, 0);
      runs = [];
      filled = 0;
    }
    runs.push(unit);
    filled += unit.length;
  }
  yield await readBatch(source, runs, 0);
}
