import type { Pace } from './options';
import type { WordChars } from './word-counts';

/** Pieces of the words: where each lies in their characters, how long it is, and how it scores. */
export interface Seeds {
  readonly from: number[];
  readonly length: number[];
  readonly score: number[];
}

/** Sorts positions [lo, hi) by the rank of the character `depth` behind each. Stable. */
type Sort = (lo: number, hi: number, depth: number) => void;

/** Below this size a group is sorted by insertion; above, and from the alphabet's size on, by counting. */
const insertionLimit = 48;

function sorter(places: Int32Array, rankAt: (place: number, depth: number) => number, ranks: number): Sort {
  let scratch = new Int32Array(0);
  const counts = new Int32Array(ranks + 1);
  const byCounting: Sort = (lo, hi, depth) => {
    counts.fill(0);
    for (let i = lo; i < hi; i++) {
      const r = rankAt(places[i] as number, depth) + 1;
      counts[r] = (counts[r] as number) + 1;
    }
    for (let r = 1; r <= ranks; r++) counts[r] = (counts[r] as number) + (counts[r - 1] as number);
    if (scratch.length < hi - lo) scratch = new Int32Array(hi - lo);
    for (let i = lo; i < hi; i++) {
      const r = rankAt(places[i] as number, depth);
      const to = counts[r] as number;
      counts[r] = to + 1;
      scratch[to] = places[i] as number;
    }
    places.set(scratch.subarray(0, hi - lo), lo);
  };
  const byInsertion: Sort = (lo, hi, depth) => {
    for (let i = lo + 1; i < hi; i++) {
      const place = places[i] as number;
      const r = rankAt(place, depth);
      let k = i;
      while (k > lo && rankAt(places[k - 1] as number, depth) > r) {
        places[k] = places[k - 1] as number;
        k--;
      }
      places[k] = place;
    }
  };
  const byKeys: Sort = (lo, hi, depth) => {
    const keys = new Float64Array(hi - lo);
    for (let i = lo; i < hi; i++) keys[i - lo] = rankAt(places[i] as number, depth) * 2 ** 31 + (places[i] as number);
    keys.sort();
    for (let i = lo; i < hi; i++) places[i] = (keys[i - lo] as number) % 2 ** 31;
  };
  return (lo, hi, depth) => {
    if (hi - lo <= insertionLimit) byInsertion(lo, hi, depth);
    else if (hi - lo >= ranks / 4) byCounting(lo, hi, depth);
    else byKeys(lo, hi, depth);
  };
}

/**
 * The substrings of words that go on in more than one way (the inner nodes of the words' suffix tree), of 2 to
 * `longest` characters, with the number of places where they stand. In code-point order, a prefix before what it begins.
 * The words count once each, however often they were seen, as in Hugging Face's trainer.
 *
 * @param words Characters as ranks from 1 on, in code-point order.
 * @param ranks One more than the largest rank.
 */
function* branchingSubstrings(
  { chars, starts }: WordChars,
  ranks: number,
  longest: number,
): Generator<readonly [from: number, length: number, places: number]> {
  const places = new Int32Array(chars.length);
  const endOf = new Int32Array(chars.length);
  for (let w = 0; w + 1 < starts.length; w++)
    endOf.fill(starts[w + 1] as number, starts[w] as number, starts[w + 1] as number);
  for (let i = 0; i < places.length; i++) places[i] = i;
  // 0: the word is at its end.
  const rankAt = (place: number, depth: number) =>
    place + depth < (endOf[place] as number) ? (chars[place + depth] as number) : 0;
  const sort = sorter(places, rankAt, ranks);
  // Groups of places that have their first `depth` characters in common: lo, hi, depth.
  const groups = [0, places.length, 0];
  while (groups.length > 0) {
    const depth = groups.pop() as number;
    const hi = groups.pop() as number;
    const lo = groups.pop() as number;
    sort(lo, hi, depth);
    const first = places[lo] as number;
    const branches = rankAt(first, depth) !== rankAt(places[hi - 1] as number, depth);
    if (branches && depth >= 2) yield [first, depth, hi - lo];
    if (depth === longest) continue;
    for (let end = hi; end > lo; ) {
      const r = rankAt(places[end - 1] as number, depth);
      let begin = end - 1;
      while (begin > lo && rankAt(places[begin - 1] as number, depth) === r) begin--;
      if (r > 0 && end - begin > 1) groups.push(begin, end, depth + 1);
      end = begin;
    }
  }
}

/**
 * The pieces that Unigram training begins with: all characters, then the substrings with the highest number of places
 * times length, ties to the later in code-point order.
 *
 * @param words Characters as ranks from 1 on, in code-point order.
 * @param counts How often each word was seen.
 * @param most Most pieces.
 */
export async function seedPieces(
  words: WordChars,
  counts: Float64Array,
  { ranks, longest, most }: { readonly ranks: number; readonly longest: number; readonly most: number },
  pace: Pace,
): Promise<Seeds> {
  const { chars, starts } = words;
  const charCounts = new Float64Array(ranks);
  const charAt = new Int32Array(ranks);
  for (let w = 0; w < counts.length; w++) {
    for (let i = starts[w] as number; i < (starts[w + 1] as number); i++) {
      const c = chars[i] as number;
      charCounts[c] = (charCounts[c] as number) + (counts[w] as number);
      charAt[c] = i;
    }
  }
  const seeds: Seeds = { from: [], length: [], score: [] };
  const add = (from: number, length: number, score: number) => {
    seeds.from.push(from);
    seeds.length.push(length);
    seeds.score.push(score);
  };
  const order = Array.from({ length: ranks - 1 }, (_, i) => i + 1);
  order.sort((a, b) => (charCounts[b] as number) - (charCounts[a] as number) || b - a);
  for (const c of order) add(charAt[c] as number, 1, charCounts[c] as number);

  const found: Seeds = { from: [], length: [], score: [] };
  for (const [from, length, places] of branchingSubstrings(words, ranks, longest)) {
    found.from.push(from);
    found.length.push(length);
    found.score.push(length * places);
    if ((found.from.length & 0xfff) === 0 && pace.due) await pace.rest('seeding', found.from.length, null);
  }
  const least = found.score.length > most ? Float64Array.from(found.score).sort()[found.score.length - most] : 0;
  const best = Array.from(found.from.keys()).filter((i) => (found.score[i] as number) >= (least as number));
  best.sort((a, b) => (found.score[b] as number) - (found.score[a] as number) || b - a);
  for (const i of best) {
    // As the reference: one substring is added before the limit is looked at.
    add(found.from[i] as number, found.length[i] as number, found.score[i] as number);
    if (seeds.from.length >= most) break;
  }
  return seeds;
}
