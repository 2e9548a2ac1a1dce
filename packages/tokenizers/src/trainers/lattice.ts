import { PairTable } from '../models/pair-table';
import { Agenda } from './agenda';

/** An unknown character costs this much more than the worst piece. */
const unknownPenalty = 10;
/** Scores this close, relative to themselves, may be in another order once they are rounded. */
const nearly = 1e-9;
/** So many cuts are looked at at once; of more the best `keptCuts` go on. */
const mostCuts = 100_000;
const keptCuts = 20;

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
  private back = new Int32Array(1 << 10);
  private later = new Int32Array(1 << 10);
  private ahead = new Float64Array(1 << 10);
  private alpha = new Float64Array(1 << 6);
  private beta = new Float64Array(1 << 6);
  private head = new Int32Array(1 << 6);
  private tail = new Int32Array(1 << 6);

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
      this.head = new Int32Array(2 * n + 2);
      this.tail = new Int32Array(2 * n + 2);
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
      this.back = new Int32Array(2 * e);
      this.later = new Int32Array(2 * e);
      this.ahead = new Float64Array(2 * e);
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
    for (let hi = edges; hi > 0; ) {
      const begin = begins[hi - 1] as number;
      let lo = hi;
      while (lo > 0 && begins[lo - 1] === begin) lo--;
      for (let e = lo; e < hi; e++) {
        const on = this.scoreOf(ids[e] as number) + (beta[ends[e] as number] as number);
        beta[begin] = logAddExp(beta[begin] as number, on);
      }
      hi = lo;
    }
    const whole = alpha[n] as number;
    for (let e = 0; e < edges; e++) {
      const piece = ids[e] as number;
      const through =
        (alpha[begins[e] as number] as number) + this.scoreOf(piece) + (beta[ends[e] as number] as number);
      expected[piece] = (expected[piece] as number) + count * Math.exp(through - whole);
    }
  }

  /**
   * The best way to every edge: through `back`, with scores `ahead` that include the edge. Of ways of one score the one
   * whose last edge begins first, where the score is rounded as in Hugging Face's trainer, with the edge that follows.
   *
   * @param parts Leave out the edge over all characters.
   */
  private ways(n: number, parts: boolean): void {
    const { begins, ends, ids, alpha, back, ahead, head, tail, later, edges } = this;
    head.fill(-1, 0, n + 1);
    for (let e = 0; e < edges; e++) {
      const begin = begins[e] as number;
      const end = ends[e] as number;
      if (parts && end - begin === n) continue;
      const own = this.scoreOf(ids[e] as number);
      const via = this.bestTo(begin, own);
      const score = via === -1 ? own : (ahead[via] as number) + own;
      back[e] = via;
      ahead[e] = score;
      // Of the edges to a place those are kept that rounding could make the best one.
      const most = alpha[end] as number;
      const margin = nearly * (1 + Math.abs(score));
      if (head[end] === -1 || score > most + margin) head[end] = e;
      else if (score < most - margin) continue;
      else later[tail[end] as number] = e;
      alpha[end] = head[end] === e ? score : Math.max(most, score);
      tail[end] = e;
      later[e] = -1;
    }
  }

  /** The edge through which an edge of this score at a place is reached best; -1 at the beginning. */
  private bestTo(place: number, score: number): number {
    if (place === 0) return -1;
    const { ahead, later } = this;
    let via = this.head[place] as number;
    for (let e = later[via] as number; e !== -1; e = later[e] as number) {
      if ((ahead[e] as number) + score > (ahead[via] as number) + score) via = e;
    }
    return via;
  }

  /** The pieces of the best cut of characters [from, to), last first. */
  best(from: number, to: number): number[] {
    this.open(from, to);
    this.ways(to - from, false);
    const pieces: number[] = [];
    for (let e = this.bestTo(to - from, 0); e !== -1; e = this.back[e] as number) pieces.push(this.ids[e] as number);
    return pieces;
  }

  /**
   * The best cut of a piece into others; none if there is none.
   *
   * @returns `beaten`: it scores more than the piece.
   */
  without(piece: number): { readonly pieces: readonly number[]; readonly beaten: boolean } {
    const { head, later, back, ids } = this;
    const from = this.pieces.from[piece] as number;
    const n = this.pieces.length[piece] as number;
    this.open(from, from + n);
    this.ways(n, true);
    if (head[n] === -1) return { pieces: [], beaten: false };
    const last = this.bestTo(n, 0);
    const score = this.ahead[last] as number;
    const ahead = score - (this.pieces.score[piece] as number);
    let unsure = Math.abs(ahead) <= nearly * (1 + Math.abs(score));
    const pieces: number[] = [];
    for (let e = last; e !== -1; e = back[e] as number) {
      unsure ||= later[head[this.ends[e] as number] as number] !== -1;
      pieces.push(ids[e] as number);
    }
    return unsure ? this.withoutByAgenda(n) : { pieces: pieces.reverse(), beaten: ahead > 0 };
  }

  /** As `without`, in the order in which Hugging Face's trainer looks cuts of one score through. */
  private withoutByAgenda(n: number): { readonly pieces: readonly number[]; readonly beaten: boolean } {
    const { begins, ends, ids, ahead, edges } = this;
    this.ways(n, false);
    const incoming: number[][] = Array.from({ length: n + 1 }, () => []);
    for (let e = 0; e < edges; e++) (incoming[ends[e] as number] as number[]).push(e);
    // Ends of cuts: each begins with an edge and goes on with another end. Entry 0 is the empty end, edge -1 the whole.
    const firsts = [-1];
    const rests = [-1];
    const scores = [0];
    let agenda = new Agenda();
    agenda.push(0, 0);
    const found: number[][] = [];
    while (agenda.size > 0 && found.length < 2) {
      const top = agenda.pop();
      const first = firsts[top] as number;
      if (first === -1 && top !== 0) {
        const cut: number[] = [];
        for (let end = rests[top] as number; end > 0; end = rests[end] as number)
          cut.push(ids[firsts[end] as number] as number);
        found.push(cut);
        continue;
      }
      const score = scores[top] as number;
      const place = top === 0 ? n : (begins[first] as number);
      for (const e of place === 0 ? [-1] : (incoming[place] as number[])) {
        rests.push(top);
        scores.push(e === -1 ? score : this.scoreOf(ids[e] as number) + score);
        agenda.push(firsts.push(e) - 1, e === -1 ? score : (ahead[e] as number) + score);
      }
      if (agenda.size > mostCuts) {
        const best = new Agenda();
        for (let i = 0; i < keptCuts; i++) {
          const end = agenda.pop();
          const e = firsts[end] as number;
          const rest = scores[rests[end] as number] as number;
          best.push(end, e === -1 ? rest : (ahead[e] as number) + rest);
        }
        agenda = best;
      }
    }
    const [one = [], two = []] = found;
    return one.length > 1 ? { pieces: one, beaten: true } : { pieces: two, beaten: false };
  }
}

function logAddExp(x: number, y: number): number {
  if (x === Number.NEGATIVE_INFINITY) return y;
  return x > y ? x + Math.log(Math.exp(y - x) + 1) : y + Math.log(Math.exp(x - y) + 1);
}

function doubled(array: Int32Array) {
  const out = new Int32Array(array.length * 2);
  out.set(array);
  return out;
}
