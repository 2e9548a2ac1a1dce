import { isRecord, shown } from '../config';
import { TokenizerError } from '../errors';
import { CountTable } from './count-table';
import { type CountPipeline, type CountWatch, Pace, type Texts, type TrainOptions, checkWhole, wrong } from './options';
import type { PackedWords, WordCounts } from './word-counts';
import { WordReader, batchesOf, kindOf } from './word-reader';

const usualBytes = 2 ** 27;

/** The counts of a whole training run: bounded, with the book of what was dropped. */
export class BoundedCounts {
  readonly table = new CountTable();
  texts = 0;
  units = 0;
  private readonly mostWords: number;
  private readonly mostBytes: number;
  private prunedWords = 0;
  private prunedOccurrences = 0;
  private countError = 0;

  constructor(pipeline: CountPipeline) {
    this.mostWords = pipeline.maxWords ?? 2_000_000;
    this.mostBytes = pipeline.maxBytes ?? usualBytes;
    checkWhole('maxWords', this.mostWords, 1000, 2 ** 28);
    checkWhole('maxBytes', this.mostBytes, 2 ** 14, 2 ** 31);
  }

  merge(words: PackedWords): void {
    this.table.merge(words);
    this.bound();
  }

  /** Drops the rarest words until half of the room is free, if there are too many. */
  bound(): void {
    const { table, mostWords, mostBytes } = this;
    if (table.size <= mostWords && table.bytes <= mostBytes) return;
    const { words, occurrences, threshold } = table.prune(mostWords / 2, mostBytes / 2);
    this.prunedWords += words;
    this.prunedOccurrences += occurrences;
    this.countError += threshold;
  }

  note(batch: readonly string[]): void {
    this.texts += batch.length;
    for (const text of batch) this.units += text.length;
  }

  finish(kind: WordCounts['kind']): WordCounts {
    const { texts, units, prunedWords, prunedOccurrences, countError, table } = this;
    const report = { texts, units, distinctWords: table.size, prunedWords, prunedOccurrences, countError };
    const packed = table.pack();
    table.clear();
    return { ...packed, kind, report };
  }
}

/** Counts the words of all texts. @throws TokenizerError `invalid_argument` for no text. */
export async function countWords(texts: Texts, options: TrainOptions): Promise<WordCounts> {
  const { normalizer, preTokenizer, maxWords, maxBytes, onProgress, signal } = options;
  const pipeline: CountPipeline = {
    ...(normalizer && { normalizer }),
    ...(preTokenizer && { preTokenizer }),
    ...(maxWords !== undefined && { maxWords }),
    ...(maxBytes !== undefined && { maxBytes }),
  };
  if (typeof texts !== 'object' || texts === null || !(Symbol.iterator in texts || Symbol.asyncIterator in texts))
    throw new TokenizerError(
      'invalid_argument',
      `[train] expected an iterable of texts, got ${typeof texts === 'string' ? 'one text; put it into a list' : shown(texts)}`,
    );
  signal?.throwIfAborted();
  const counted = await (options.counter ?? countHere)(texts, pipeline, { onProgress, signal });
  if (!isRecord(counted))
    throw wrong('counter', 'what countInThreads() makes: a function that counts words', options.counter);
  const { report } = counted;
  options.onReport?.(report);
  if (counted.lengths.length === 0)
    throw new TokenizerError(
      'invalid_argument',
      report.prunedWords === 0
        ? '[train] expected texts with at least one character, got none'
        : `[train] maxBytes: expected room for the words of the texts, got none for any of ${report.prunedWords}, each longer than half of ${maxBytes ?? usualBytes} bytes; give more, or a preTokenizer that makes shorter words`,
    );
  return counted;
}

async function countHere(texts: Texts, pipeline: CountPipeline, watch: CountWatch): Promise<WordCounts> {
  const counts = new BoundedCounts(pipeline);
  const reader = new WordReader(pipeline, counts.table, () => counts.bound());
  const pace = new Pace(watch);
  for await (const batch of batchesOf(texts, watch.signal)) {
    watch.signal?.throwIfAborted();
    reader.read(batch, counts.texts);
    counts.note(batch);
    if (pace.due) await pace.rest('counting', counts.units, null);
  }
  pace.report('counting', counts.units, counts.units);
  return counts.finish(kindOf(pipeline));
}
