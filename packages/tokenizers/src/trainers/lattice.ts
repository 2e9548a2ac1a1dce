import { PairTable } from '../models/pair-table';

/** An unknown character costs this much more than the worst piece. */
const unknownPenalty = 10;

/** Pieces of a Unigram model in training. Piece 0 is the unknown character; it has no text. */
export interface Pieces {
  /** Where in the characters each piece lies. */
  from: Int32Array;
  length: Int32Array;
  /** Log-probabilities; that of piece 0 is not used. */
  score: Float64Array;
}

/**
 * All ways to cut a stretch of characters into pieces: edges from place to place. An edge leads over each character
 * that is no piece of its own, with piece 0.
 */
export class Lattice {
  private readonly nodes: PairTable;
  private readonly pieceAt: number[] = [-1];
  private readonly unknownScore: number;
  // Edges in order of where they begin.
  private edges = 0;
  private begins = new Int32Array(1 << 10);
  private ends = new Int32Array(1 << 10);
  private ids = new Int32Array(1 << 10);
  private alpha = new Float64Array(1 << 6);
  private beta = new Float64Array(1 << 6);
  private via = new Int32Array(1 << 6);

  constructor(
    private readonly chars: Int32Array,
    private readonly pieces: Pieces,
  ) {
    const { from, length, score } = pieces;
    let least = Number.POSITIVE_INFINITY;
    this.nodes = new PairTable(length.length * 2);
    for (let piece = 1; piece < length.length; piece++) {
      let node = 0;
      const end = (from[piece] as number) + (length[piece] as number);
      for (let i = from[piece] as number; i < end; i++) {
        const at = this.nodes.find(node, chars[i] as number);
        if (at >= 0) node = this.nodes.first(at);
        else {
          const next = this.pieceAt.push(-1) - 1;
          this.nodes.set(node, chars[i] as number, next);
          node = next;
        }
      }
      this.pieceAt[node] = piece;
      least = Math.min(least, score[piece] as number);
    }
    this.unknownScore = least - unknownPenalty;
  }

  /** Finds the edges over characters [from, to). */
  private open(from: number, to: number): void {
    const { chars, nodes, pieceAt } = this;
    const n = to - from;
    if (this.alpha.length <= n) {
      this.alpha = new Float64Array(2 * n + 2);
      this.beta = new Float64Array(2 * n + 2);
      this.via = new Int32Array(2 * n + 2);
    }
    this.edges = 0;
    for (let i = 0; i < n; i++) {
      let node = 0;
      let single = false;
      for (let k = i; k < n; ) {
        const at = nodes.find(node, chars[from + k++] as number);
        if (at < 0) break;
        node = nodes.first(at);
        const piece = pieceAt[node] as number;
        if (piece < 0) continue;
        this.addEdge(i, k, piece);
        if (k === i + 1) single = true;
      }
      if (!single) this.addEdge(i, i + 1, 0);
    }
  }

  private addEdge(begin: number, end: number, piece: number): void {
    const e = this.edges++;
    if (e === this.begins.length) {
      this.begins = doubled(this.begins);
      this.ends = doubled(this.ends);
      this.ids = doubled(this.ids);
    }
    this.begins[e] = begin;
    this.ends[e] = end;
    this.ids[e] = piece;
  }

  private scoreOf(piece: number): number {
    return piece === 0 ? this.unknownScore : (this.pieces.score[piece] as number);
  }

  /**
   * Adds to `expected` how often each piece is expected in characters [from, to) that were seen `count` times
   * (forward-backward in log space).
   */
  expect(from: number, to: number, count: number, expected: Float64Array): void {
    this.open(from, to);
    const { begins, ends, ids, alpha, beta, edges } = this;
    const n = to - from;
    alpha.fill(Number.NEGATIVE_INFINITY, 0, n + 1);
    beta.fill(Number.NEGATIVE_INFINITY, 0, n + 1);
    alpha[0] = 0;
    beta[n] = 0;
    for (let e = 0; e < edges; e++) {
      const end = ends[e] as number;
      const to = (alpha[begins[e] as number] as number) + this.scoreOf(ids[e] as number);
      alpha[end] = logAddExp(alpha[end] as number, to);
    }
    const whole = alpha[n] as number;
    for (let e = edges - 1; e >= 0; e--) {
      const begin = begins[e] as number;
      const piece = ids[e] as number;
      const on = (beta[ends[e] as number] as number) + this.scoreOf(piece);
      beta[begin] = logAddExp(beta[begin] as number, on);
      expected[piece] = (expected[piece] as number) + count * Math.exp((alpha[begin] as number) + on - whole);
    }
  }

  /** The pieces of the best cut of characters [from, to), last first. With `parts`, the stretch as one piece is left out. */
  best(from: number, to: number, parts = false): { readonly pieces: number[]; readonly score: number } {
    this.open(from, to);
    const { begins, ends, ids, alpha, via, edges } = this;
    const n = to - from;
    via.fill(-1, 0, n + 1);
    alpha[0] = 0;
    for (let e = 0; e < edges; e++) {
      const begin = begins[e] as number;
      const end = ends[e] as number;
      if (parts && end - begin === n) continue;
      const score = (alpha[begin] as number) + this.scoreOf(ids[e] as number);
      if (via[end] !== -1 && score <= (alpha[end] as number)) continue;
      alpha[end] = score;
      via[end] = e;
    }
    const pieces: number[] = [];
    if (via[n] === -1) return { pieces, score: Number.NEGATIVE_INFINITY };
    for (let end = n; end > 0; ) {
      const e = via[end] as number;
      pieces.push(ids[e] as number);
      end = begins[e] as number;
    }
    return { pieces, score: alpha[n] as number };
  }
}

function logAddExp(x: number, y: number): number {
  if (x === Number.NEGATIVE_INFINITY) return y;
  return x > y ? x + Math.log1p(Math.exp(y - x)) : y + Math.log1p(Math.exp(x - y));
}

function doubled(array: Int32Array) {
  const out = new Int32Array(array.length * 2);
  out.set(array);
  return out;
}
