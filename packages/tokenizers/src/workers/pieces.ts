import { seamFrom } from '../fast/chunks';

/** Units of a piece that a long text is cut into: what a worker makes of one stays in its cache. */
const pieceUnits = 1 << 16;
/** Units of a task, which bounds the memory of one; a piece without a seam may be longer. */
const mostUnits = 1 << 20;
/** A task has this share of what a worker will still do: large ones first, as each ends with a message, then small ones. */
const share = 1 / 3;

/** A stretch of one of the texts, and where in the call's list its ids are when they are there. */
export interface Piece {
  readonly text: string;
  readonly from: number;
  readonly to: number;
  begin: number;
  end: number;
}

export function pieceOf(text: string, from: number, to: number): Piece {
  return { text, from, to, begin: 0, end: 0 };
}

/** Units [from, to) of a text, which go the quick way, in pieces whose ids are theirs in the whole. */
export function cut(text: string, from: number, to: number): Piece[] {
  const out: Piece[] = [];
  let begin = from;
  while (to - begin > pieceUnits) {
    const end = seamFrom(text, begin + pieceUnits - 1, to);
    if (end < 0 || end >= to) break;
    out.push(pieceOf(text, begin, end));
    begin = end;
  }
  out.push(pieceOf(text, begin, to));
  return out;
}

/** Pieces in groups, each a task. */
export function grouped(pieces: readonly Piece[], workers: number): Piece[][] {
  const out: Piece[][] = [];
  let left = pieces.reduce((sum, { from, to }) => sum + to - from, 0);
  let group: Piece[] = [];
  let held = 0;
  for (const piece of pieces) {
    group.push(piece);
    held += piece.to - piece.from;
    if (held < Math.min(mostUnits, Math.max(pieceUnits, (left * share) / workers))) continue;
    out.push(group);
    left -= held;
    group = [];
    held = 0;
  }
  if (group.length > 0) out.push(group);
  return out;
}
