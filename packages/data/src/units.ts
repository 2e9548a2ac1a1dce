import { DataError } from './errors.js';
import type { TokenSource } from './token-source.js';

/**
 * `separate`: nothing is predicted from another document. `joined`: documents follow one another as one text, and the
 * first token of each but the first is predicted from the document before.
 */
export type DocumentMode = 'separate' | 'joined';

export const documentModes: readonly DocumentMode[] = ['separate', 'joined'];

/** A run of tokens to predict from: inputs `start .. start + length - 1`, labels one further on. */
export interface Unit {
  readonly start: number;
  readonly length: number;
}

/**
 * Cuts a source into units of at most `seqLen` inputs. A document of L tokens has L - 1 predictions,
 * so its last token is never an input and a document of one token has no unit; joined documents are
 * cut as one.
 */
export class Units {
  /** (documents + 1) number of units before each document; (2) when joined. */
  readonly #before: Float64Array;
  readonly #offsets: Float64Array;

  constructor(
    source: Pick<TokenSource, 'documentOffsets' | 'tokenCount'>,
    mode: DocumentMode,
    private readonly seqLen: number,
  ) {
    this.#offsets = mode === 'separate' ? source.documentOffsets : Float64Array.of(0, source.tokenCount);
    this.#before = new Float64Array(this.#offsets.length);
    for (let d = 0; d + 1 < this.#offsets.length; d++) {
      const predictions = (this.#offsets[d + 1] ?? 0) - (this.#offsets[d] ?? 0) - 1;
      this.#before[d + 1] = (this.#before[d] ?? 0) + Math.ceil(Math.max(0, predictions) / seqLen);
    }
  }

  get count(): number {
    return this.#before.at(-1) ?? 0;
  }

  at(index: number): Unit {
    // The last document whose units start at or before `index`.
    let low = 0;
    let high = this.#before.length - 1;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.#before[middle] ?? 0) <= index) low = middle;
      else high = middle;
    }
    const start = (this.#offsets[low] ?? 0) + (index - (this.#before[low] ?? 0)) * this.seqLen;
    const end = (this.#offsets[low + 1] ?? 0) - 1;
    return { start, length: Math.min(this.seqLen, end - start) };
  }
}

/** Throws `empty_corpus` if there is nothing to predict. */
export function checkPredictable(op: string, units: Units): void {
  if (units.count === 0) {
    throw new DataError(
      'empty_corpus',
      `[${op}] expected a document of at least two tokens, got none: there is nothing to predict`,
    );
  }
}
