import { shown } from '../config';
import { TokenizerError } from '../errors';
import { Utf8Chunks } from '../fast/chunks';
import { scannerOf } from '../fast/create';
import type { Scanner } from '../fast/scanners';
import { looksAtPlaces } from '../pre-tokenizers/places';
import { AlignedText } from '../text/aligned-text';
import { findLoneSurrogate } from '../text/unicode';
import type { CountTable } from './count-table';
import type { CountPipeline, Texts } from './options';
import { endsWordsAtSeams, seam } from './seams';
import type { WordCounts } from './word-counts';

/** Texts are taken together until they have so many units; within a longer one, counting rests that often. */
const batchUnits = 1 << 21;

/** Texts until the signal, which does not wait for a text that is on its way. */
async function* until(texts: AsyncIterable<string>, signal: AbortSignal): AsyncGenerator<string, void, undefined> {
  const iterator = texts[Symbol.asyncIterator]();
  let stop: (reason: unknown) => void = () => {};
  const abort = () => stop(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  let waiting = false;
  try {
    for (;;) {
      waiting = true;
      const { done, value } = await new Promise<IteratorResult<string>>((resolve, reject) => {
        stop = reject;
        signal.throwIfAborted();
        Promise.resolve(iterator.next()).then(resolve, reject);
      });
      waiting = false;
      if (done) return;
      yield value;
    }
  } finally {
    signal.removeEventListener('abort', abort);
    const closed = Promise.resolve(iterator.return?.()).catch(() => {});
    // A source that hangs would hold the signal's reason back.
    if (!waiting) await closed;
  }
}

/** Texts in batches whose borders depend on the texts alone. */
export async function* batchesOf(texts: Texts, signal?: AbortSignal): AsyncGenerator<string[], void, undefined> {
  let batch: string[] = [];
  let units = 0;
  for await (const text of signal !== undefined && Symbol.asyncIterator in texts ? until(texts, signal) : texts) {
    if (typeof text !== 'string')
      throw new TokenizerError('invalid_argument', `[train] expected texts, got ${shown(text)}`);
    batch.push(text);
    units += text.length;
    if (units < batchUnits) continue;
    yield batch;
    batch = [];
    units = 0;
  }
  if (batch.length > 0) yield batch;
}

/** How the words of a pipeline are written: `bytes` where a scanner of bytes finds them. */
export function kindOf({ preTokenizer }: CountPipeline): WordCounts['kind'] {
  return preTokenizer && scannerOf(preTokenizer) !== null ? 'bytes' : 'utf8';
}

/** Cuts texts into words and counts them. */
export class WordReader {
  private readonly scan: Scanner | null;
  /** Words depend on where they stood before normalisation. */
  private readonly placed: boolean;
  /** A long text may be cut into words part by part. */
  private readonly inParts: boolean;
  private readonly chunks = new Utf8Chunks();
  private readonly encoder = new TextEncoder();
  private scratch = new Uint8Array(1 << 10);
  private view = new DataView(this.scratch.buffer);
  private sinceRest = 0;

  /** @param rest Called between words at places that depend on the texts alone: the table may be changed there. */
  constructor(
    private readonly pipeline: CountPipeline,
    private readonly table: CountTable,
    private readonly rest: () => void,
  ) {
    const { normalizer, preTokenizer } = pipeline;
    this.scan = preTokenizer ? scannerOf(preTokenizer) : null;
    const json = preTokenizer?.toJSON();
    this.placed = normalizer != null && looksAtPlaces(json);
    this.inParts = !this.placed && endsWordsAtSeams(json);
  }

  /**
   * Counts the words of a batch.
   *
   * @param first How many texts came before it, for messages.
   */
  read(batch: readonly string[], first: number): void {
    batch.forEach((text, i) => {
      const lone = findLoneSurrogate(text);
      if (lone >= 0)
        throw new TokenizerError(
          'invalid_text',
          `[train] expected well-formed text, got a lone surrogate at place ${lone} of text ${first + i}`,
        );
      this.readText(text);
    });
    this.pause();
  }

  private pause(): void {
    this.sinceRest = 0;
    this.rest();
  }

  private readText(text: string): void {
    const { normalizer, preTokenizer } = this.pipeline;
    const given = this.placed ? AlignedText.of(text) : AlignedText.untracked(text);
    const made = normalizer ? normalizer.normalize(given) : given;
    if (this.scan !== null) this.readBytes(made.text, this.scan);
    else if (!preTokenizer) this.count(made.text);
    // As where texts are encoded, a text begins where the first character that is left does.
    else
      for (const part of this.inParts ? parts(made) : [made.slice(0, made.length)])
        for (const word of preTokenizer.split(part)) {
          this.count(word.text);
          this.sinceRest += word.length;
          if (this.sinceRest >= batchUnits) this.pause();
        }
  }

  private readBytes(text: string, scan: Scanner): void {
    const { chunks, table } = this;
    chunks.open(text, 0, text.length);
    while (chunks.next()) {
      const { bytes, view, length } = chunks.utf8;
      for (let at = 0; at < length; ) {
        const end = scan(bytes, at, length);
        table.add(view, at, end, 1);
        at = end;
      }
      this.sinceRest += length;
      if (this.sinceRest >= batchUnits) this.pause();
    }
  }

  private count(word: string): void {
    if (word === '') return;
    const most = word.length * 3;
    if (this.scratch.length < most + 4) {
      this.scratch = new Uint8Array(most * 2 + 4);
      this.view = new DataView(this.scratch.buffer);
    }
    const { written } = this.encoder.encodeInto(word, this.scratch);
    this.table.add(this.view, 0, written, 1);
  }
}

function* parts(text: AlignedText): Generator<AlignedText> {
  let from = 0;
  while (text.length - from > batchUnits) {
    seam.lastIndex = from + batchUnits - 1;
    const found = seam.exec(text.text);
    if (found === null) break;
    yield text.slice(from, found.index + 1);
    from = found.index + 1;
  }
  yield text.slice(from, text.length);
}
