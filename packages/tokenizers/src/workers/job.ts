import type { AllowedSpecial } from '../encode/added-tokens';
import type { IdList } from '../fast/id-list';
import { isOfUse } from '../fast/utf8';
import type { EncodeTask, EncodedTexts } from './messages';
import type { Piece } from './pieces';

/** Memory that tasks share with a worker, used again and again; as large as its largest task. */
export interface Slot {
  units: Buffer | null;
  ids: Int32Array | null;
}

/** Units of a task whose memory is kept for others; only a text that can't be cut makes a larger task. */
const mostKept = 1 << 21;
/** A unit of text takes at most three bytes of UTF-8, and each of these at most one id. */
const idsOfUnit = 3;

/** Pieces of texts on their way to a worker and back. */
export class Job {
  /**
   * @param ids Where the ids go; jobs end in any order.
   * @param quick Pieces are plain text for the quick way, rather than texts for the whole pipeline.
   * @param failed Called with the first error.
   * @param settled Called when a worker has nothing more to do with it.
   */
  constructor(
    private readonly pieces: readonly Piece[],
    private readonly ids: IdList,
    private readonly quick: boolean,
    private readonly allowedSpecial: AllowedSpecial,
    private readonly failed: (error: unknown) => void,
    readonly settled: () => void,
  ) {}

  fail(error: unknown): void {
    this.failed(error);
  }

  /** Writes the texts. */
  write(slot: Slot): EncodeTask {
    const most = this.pieces.reduce((sum, { from, to }) => sum + to - from, 0);
    if (slot.units === null || !isOfUse(slot.units.length, 2 * most, 2 * mostKept))
      slot.units = Buffer.from(new SharedArrayBuffer(2 * most));
    if (this.quick && (slot.ids === null || !isOfUse(slot.ids.length, idsOfUnit * most, idsOfUnit * mostKept)))
      slot.ids = new Int32Array(new SharedArrayBuffer(4 * idsOfUnit * most));
    let at = 0;
    const ends = Int32Array.from(this.pieces, ({ text, from, to }) => {
      // UTF-16 is copied where UTF-8 would have to be made: that is left to the worker.
      slot.units?.write(text.slice(from, to), 2 * at, 'utf16le');
      at += to - from;
      return at;
    });
    const { units, ids } = slot;
    return {
      memory: units,
      ends,
      places: Int32Array.from(this.pieces, ({ from }) => from),
      ids: this.quick ? ids : null,
      allowedSpecial: this.allowedSpecial,
    };
  }

  /** Takes the ids. */
  read({ ids, counts }: EncodedTexts, slot: Slot): void {
    const first = this.ids.length;
    let end = first;
    this.pieces.forEach((piece, i) => {
      piece.begin = end;
      end += counts[i] as number;
      piece.end = end;
    });
    this.ids.append((ids ?? (slot.ids as Int32Array)).subarray(0, end - first));
  }
}
