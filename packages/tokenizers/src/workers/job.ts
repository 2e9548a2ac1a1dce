import type { AllowedSpecial } from '../encode/added-tokens';
import { checkText } from '../text/well-formed';
import type { EncodeTask, EncodedTexts } from './messages';

/** Memory that tasks share with a worker, used again and again; as large as its largest task. */
export interface Slot {
  bytes: Uint8Array | null;
  ids: Int32Array | null;
}

/** A stretch of one of the texts, and its ids when they are there. */
export interface Piece {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  ids: Int32Array | null;
}

/** Zero bytes behind the last text. */
const slack = 16;
const encoder = new TextEncoder();

/** Pieces of texts on their way to a worker and back. */
export class Job {
  /**
   * @param quick Pieces are plain text for the quick way, rather than texts for the whole pipeline.
   * @param failed Called with the first error.
   * @param settled Called when a worker has nothing more to do with it.
   */
  constructor(
    private readonly pieces: readonly Piece[],
    private readonly quick: boolean,
    private readonly allowedSpecial: AllowedSpecial,
    private readonly failed: (error: unknown) => void,
    readonly settled: () => void,
  ) {}

  fail(error: unknown): void {
    this.failed(error);
  }

  /** Writes the texts; null if one of them can't be. */
  write(slot: Slot): EncodeTask | null {
    let most = slack;
    for (const { from, to } of this.pieces) most += 3 * (to - from) + 1;
    if (slot.bytes === null || slot.bytes.length < most) slot.bytes = new Uint8Array(new SharedArrayBuffer(most));
    const { bytes } = slot;
    const spans = new Int32Array(2 * this.pieces.length);
    let at = 0;
    try {
      this.pieces.forEach(({ text, from, to }, i) => {
        const piece = text.slice(from, to);
        const { written } = encoder.encodeInto(piece, bytes.subarray(at));
        // As many bytes as units: all ASCII.
        if (written !== piece.length) checkText(piece, from);
        spans[2 * i] = at;
        at += written;
        spans[2 * i + 1] = at;
        bytes[at++] = 0;
      });
    } catch (error) {
      this.fail(error);
      return null;
    }
    bytes.fill(0, at, at + slack - 1);
    if (this.quick && (slot.ids === null || slot.ids.length < at))
      slot.ids = new Int32Array(new SharedArrayBuffer(4 * bytes.length));
    return { bytes, spans, ids: this.quick ? slot.ids : null, allowedSpecial: this.allowedSpecial };
  }

  /** Takes the ids. */
  read({ ids, counts }: EncodedTexts, slot: Slot): void {
    const all = ids ?? (slot.ids as Int32Array);
    let at = 0;
    this.pieces.forEach((piece, i) => {
      const end = at + (counts[i] as number);
      piece.ids = new Int32Array(all.subarray(at, end));
      at = end;
    });
  }
}
