import type { PackedWords } from './word-counts';

const firstSlots = 1 << 12;
/** Masks of the bytes that belong to a word in its last four. */
const masks = Int32Array.of(0, 0xff, 0xffff, 0xffffff, -1);

/** What a pruning dropped. */
export interface Pruned {
  readonly words: number;
  readonly occurrences: number;
  /** No word that was seen more often was dropped. */
  readonly threshold: number;
}

/** Counts of words of bytes in typed arrays, in the order in which the words came. */
export class CountTable {
  /** Bytes of all words. */
  bytes = 0;
  private words = 0;
  // Hash, index + 1.
  private slots = new Int32Array(firstSlots * 2);
  private mask = firstSlots - 1;
  private lengths = new Int32Array(1 << 10);
  private counts = new Float64Array(1 << 10);
  /** Where each word begins, in fours of bytes: every word is padded with zeros. */
  private starts = new Int32Array(1 << 10);
  private arena = new DataView(new ArrayBuffer(1 << 16));
  private used = 0;

  get size(): number {
    return this.words;
  }

  /** Adds to the count of the word of bytes [from, to). The view must go on for 4 bytes behind `to`. */
  add(view: DataView, from: number, to: number, count: number): void {
    const length = to - from;
    const hash = hashOf(view, from, to);
    const { slots, mask } = this;
    for (let slot = hash & mask; ; slot = (slot + 1) & mask) {
      const index = (slots[2 * slot + 1] as number) - 1;
      if (index < 0) {
        this.insert(slot, hash, view, from, to, count);
        return;
      }
      if (slots[2 * slot] !== hash || this.lengths[index] !== length) continue;
      if (!this.same(index, view, from, to)) continue;
      this.counts[index] = (this.counts[index] as number) + count;
      return;
    }
  }

  private same(index: number, view: DataView, from: number, to: number): boolean {
    const { arena } = this;
    let at = from;
    let a = (this.starts[index] as number) * 4;
    for (; at + 4 < to; at += 4, a += 4) if (arena.getInt32(a, true) !== view.getInt32(at, true)) return false;
    return arena.getInt32(a, true) === (view.getInt32(at, true) & (masks[to - at] as number));
  }

  private insert(slot: number, hash: number, view: DataView, from: number, to: number, count: number): void {
    const index = this.words++;
    if (index === this.counts.length) {
      this.lengths = doubled(this.lengths, new Int32Array(index * 2));
      this.starts = doubled(this.starts, new Int32Array(index * 2));
      this.counts = doubled(this.counts, new Float64Array(index * 2));
    }
    const need = this.used + to - from + 8;
    if (need > this.arena.byteLength) {
      const grown = new Uint8Array(Math.max(need, this.arena.byteLength * 2));
      grown.set(new Uint8Array(this.arena.buffer, 0, this.used));
      this.arena = new DataView(grown.buffer);
    }
    this.starts[index] = this.used / 4;
    this.lengths[index] = to - from;
    this.counts[index] = count;
    for (let at = from; at < to; at += 4, this.used += 4) {
      this.arena.setInt32(this.used, view.getInt32(at, true) & (masks[Math.min(4, to - at)] as number), true);
    }
    this.bytes += to - from;
    this.slots[2 * slot] = hash;
    this.slots[2 * slot + 1] = index + 1;
    if (this.words * 2 > this.mask) this.index((this.mask + 1) * 2);
  }

  /** Makes the hash table anew. */
  private index(count: number): void {
    const slots = new Int32Array(count * 2);
    const mask = count - 1;
    for (let i = 0; i < this.words; i++) {
      const from = (this.starts[i] as number) * 4;
      const hash = hashOf(this.arena, from, from + (this.lengths[i] as number));
      let slot = hash & mask;
      while (slots[2 * slot + 1] !== 0) slot = (slot + 1) & mask;
      slots[2 * slot] = hash;
      slots[2 * slot + 1] = i + 1;
    }
    this.slots = slots;
    this.mask = mask;
  }

  /** Adds the counts of other words. */
  merge({ bytes, lengths, counts }: PackedWords): void {
    // Looking a word up reads up to 4 bytes beyond it.
    const padded = new Uint8Array(bytes.length + 4);
    padded.set(bytes);
    const view = new DataView(padded.buffer);
    let at = 0;
    for (let w = 0; w < lengths.length; w++) {
      const end = at + (lengths[w] as number);
      this.add(view, at, end, counts[w] as number);
      at = end;
    }
  }

  /**
   * Drops the rarest words until at most so many words and bytes are left; of words seen equally often those stay that came
   * first, as far as there is room. Depends on the counts and the order of the words alone.
   */
  prune(mostWords: number, mostBytes: number): Pruned {
    const atCount = new Map<number, [number, number]>();
    for (let i = 0; i < this.words; i++) {
      const sums = atCount.get(this.counts[i] as number);
      if (sums === undefined) atCount.set(this.counts[i] as number, [1, this.lengths[i] as number]);
      else {
        sums[0]++;
        sums[1] += this.lengths[i] as number;
      }
    }
    let { words, bytes } = this;
    let threshold = 0;
    for (const [count, sums] of [...atCount].sort((a, b) => a[0] - b[0])) {
      if (words <= mostWords && bytes <= mostBytes) break;
      threshold = count;
      words -= sums[0];
      bytes -= sums[1];
    }
    return this.keepFrom(threshold, mostWords - words, mostBytes - bytes);
  }

  /** Keeps the words seen more often than `threshold`, and of those seen as often the first that there is room for. */
  private keepFrom(threshold: number, roomWords: number, roomBytes: number): Pruned {
    const { arena, starts, lengths, counts } = this;
    const bytes = new Uint8Array(arena.buffer);
    let kept = 0;
    let used = 0;
    let occurrences = 0;
    let [words, left] = [roomWords, roomBytes];
    this.bytes = 0;
    for (let i = 0; i < this.words; i++) {
      const count = counts[i] as number;
      const length = lengths[i] as number;
      const tied = count === threshold && words >= 1 && length <= left;
      if (tied) {
        words--;
        left -= length;
      } else if (count <= threshold) {
        occurrences += count;
        continue;
      }
      const from = (starts[i] as number) * 4;
      const size = (length + 3) & ~3;
      bytes.copyWithin(used, from, from + size);
      starts[kept] = used / 4;
      lengths[kept] = length;
      counts[kept++] = count;
      used += size;
      this.bytes += length;
    }
    const dropped = this.words - kept;
    this.words = kept;
    this.used = used;
    this.index(this.mask + 1);
    return { words: dropped, occurrences, threshold };
  }

  /** The words and counts, copied. */
  pack(): PackedWords {
    const { words, starts } = this;
    const all = new Uint8Array(this.arena.buffer);
    const bytes = new Uint8Array(this.bytes);
    let n = 0;
    for (let i = 0; i < words; i++) {
      const from = (starts[i] as number) * 4;
      const length = this.lengths[i] as number;
      for (let k = 0; k < length; k++) bytes[n++] = all[from + k] as number;
    }
    return { bytes, lengths: this.lengths.slice(0, words), counts: this.counts.slice(0, words) };
  }

  clear(): void {
    this.words = 0;
    this.used = 0;
    this.bytes = 0;
    this.slots.fill(0);
  }
}

function hashOf(view: DataView, from: number, to: number): number {
  let h = to - from;
  let at = from;
  for (; at + 4 < to; at += 4) {
    h = Math.imul(h ^ view.getInt32(at, true), 0x9e3779b1);
    h ^= h >>> 15;
  }
  h = Math.imul(h ^ (view.getInt32(at, true) & (masks[to - at] as number)), 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return h ^ (h >>> 13);
}

function doubled<T extends Float64Array | Int32Array>(array: T, grown: T): T {
  grown.set(array);
  return grown;
}
