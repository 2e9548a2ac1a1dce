/** Tag, four numbers of the key, value; a power of two keeps a slot within one line of the cache. */
const stride = 8;
const valueAt = 5;
const firstSlots = 1 << 13;
/** Share of the slots that words take before there are more: memory met at random costs more than a second look. */
const fullest = 5 / 8;
/** Most words that are remembered by default, 8 MB of slots; then all are forgotten. */
const mostWords = 1 << 17;
/** Bytes of copies for each of the most words; then all are forgotten too. */
const copiedShare = 16;
/** Longer words are not remembered. */
export const longestWord = 128;
/** A longer word's key is a hash of it and a copy. */
const longestKey = 17;

/** Masks of the bytes that belong to a word in its last four. */
const masks = Int32Array.of(0, 0xff, 0xffff, 0xffffff, -1);

/**
 * Words of bytes → a number, in typed arrays: no string is made to look a word up. The key is the word's length and
 * first byte (the `tag`), and the bytes behind it in two numbers; of longer words a hash, and a copy to compare with.
 */
export class WordTable {
  private slots: Int32Array;
  private shift: number;
  private words = 0;
  private copies = new DataView(new ArrayBuffer(1 << 16));
  private copied = 0;
  // The key of the last look-up, for `insert`.
  private at = 0;
  private a = 0;
  private b = 0;
  private c = 0;
  private d = 0;

  /**
   * @param most Words it holds before it forgets them all.
   * @param expected Words to make room for at once.
   */
  constructor(
    private readonly most = mostWords,
    expected = 0,
  ) {
    let bits = 31 - Math.clz32(firstSlots);
    while (2 ** bits * fullest < expected) bits++;
    this.slots = new Int32Array(stride * 2 ** bits);
    this.shift = 32 - bits;
  }

  /** How many words are in it. */
  get size(): number {
    return this.words;
  }

  /** Whether the next word makes it forget all others. */
  get full(): boolean {
    return this.words >= this.most || this.copied >= copiedShare * this.most;
  }

  /**
   * The place of the value of a word of at most 9 bytes, whose key is known, or -1.
   *
   * @param tag Length · 256 + first byte.
   * @param a Bytes 1 to 4, those behind the end zero.
   * @param b Bytes 5 to 8.
   */
  findShort(tag: number, a: number, b: number): number {
    const { slots, shift } = this;
    let at = (hashOf(tag, a, b) >>> shift) * stride;
    for (;;) {
      const known = slots[at] as number;
      if (known === tag && slots[at + 1] === a && slots[at + 2] === b) return at + valueAt;
      if (known === 0) break;
      at += stride;
      if (at === slots.length) at = 0;
    }
    this.keep(at, a, b, 0, 0);
    return -1;
  }

  /** The place of the value of bytes [from, to), or -1. The view must go on for 8 bytes behind `to`. */
  find(view: DataView, from: number, to: number): number {
    const length = to - from;
    const tag = (length << 8) | view.getUint8(from);
    const a = view.getInt32(from + 1, true);
    if (length <= 5) return this.findShort(tag, a & (masks[length - 1] as number), 0);
    const b = view.getInt32(from + 5, true);
    if (length <= 9) return this.findShort(tag, a, b & (masks[length - 5] as number));
    const c = view.getInt32(from + 9, true);
    if (length <= 13) return this.findMiddle(tag, a, b, c & (masks[length - 9] as number), 0);
    if (length <= longestKey)
      return this.findMiddle(tag, a, b, c, view.getInt32(from + 13, true) & (masks[length - 13] as number));
    return this.findLong(tag, view, from, to);
  }

  private findMiddle(tag: number, a: number, b: number, c: number, d: number): number {
    const { slots } = this;
    let at = (hashOf(tag, mixed(a, c), mixed(b, d)) >>> this.shift) * stride;
    for (;;) {
      const known = slots[at] as number;
      if (known === tag && slots[at + 1] === a && slots[at + 2] === b && slots[at + 3] === c && slots[at + 4] === d)
        return at + valueAt;
      if (known === 0) break;
      at += stride;
      if (at === slots.length) at = 0;
    }
    this.keep(at, a, b, c, d);
    return -1;
  }

  private findLong(tag: number, view: DataView, from: number, to: number): number {
    let h = 0;
    let i = from + 1;
    for (; i + 4 < to; i += 4) {
      h = Math.imul(h ^ view.getInt32(i, true), 0x9e3779b1);
      h ^= h >>> 15;
    }
    h = Math.imul(h ^ (view.getInt32(i, true) & (masks[to - i] as number)), 0x85ebca6b);
    const { slots } = this;
    let at = (hashOf(tag, h, 0) >>> this.shift) * stride;
    for (;;) {
      const known = slots[at] as number;
      if (known === tag && slots[at + 1] === h && this.sameCopy(slots[at + 2] as number, view, from, to))
        return at + valueAt;
      if (known === 0) break;
      at += stride;
      if (at === slots.length) at = 0;
    }
    this.keep(at, h, 0, 0, 0);
    return -1;
  }

  private keep(at: number, a: number, b: number, c: number, d: number): void {
    this.at = at;
    this.a = a;
    this.b = b;
    this.c = c;
    this.d = d;
  }

  private sameCopy(copy: number, view: DataView, from: number, to: number): boolean {
    const { copies } = this;
    let at = from;
    let c = copy;
    for (; at + 4 < to; at += 4, c += 4) if (copies.getInt32(c, true) !== view.getInt32(at, true)) return false;
    return copies.getInt32(c, true) === (view.getInt32(at, true) & (masks[to - at] as number));
  }

  value(at: number): number {
    return this.slots[at] as number;
  }

  /**
   * Adds the word that has just not been found.
   *
   * @returns False if the table was full: it is empty now, and the word is not in it.
   */
  insert(view: DataView, from: number, to: number, value: number): boolean {
    if (this.full) {
      this.clear();
      return false;
    }
    const { at, slots } = this;
    const length = to - from;
    slots[at] = (length << 8) | view.getUint8(from);
    slots[at + 1] = this.a;
    slots[at + 2] = length <= longestKey ? this.b : this.copy(view, from, to);
    slots[at + 3] = this.c;
    slots[at + 4] = this.d;
    slots[at + valueAt] = value;
    if (++this.words * stride > slots.length * fullest) this.grow();
    return true;
  }

  private copy(view: DataView, from: number, to: number): number {
    const start = this.copied;
    const size = (to - from + 3) & ~3;
    let room = this.copies.byteLength;
    while (start + size > room) room *= 2;
    if (room > this.copies.byteLength) {
      const grown = new Uint8Array(room);
      grown.set(new Uint8Array(this.copies.buffer));
      this.copies = new DataView(grown.buffer);
    }
    for (let at = from, c = start; at < to; at += 4, c += 4) {
      this.copies.setInt32(c, view.getInt32(at, true) & (masks[Math.min(4, to - at)] as number), true);
    }
    this.copied = start + size;
    return start;
  }

  private grow(): void {
    const old = this.slots;
    const slots = new Int32Array(old.length * 2);
    this.shift -= 1;
    for (let from = 0; from < old.length; from += stride) {
      if (old[from] === 0) continue;
      let at = (this.hashAt(old, from) >>> this.shift) * stride;
      while (slots[at] !== 0) {
        at += stride;
        if (at === slots.length) at = 0;
      }
      for (let k = 0; k <= valueAt; k++) slots[at + k] = old[from + k] as number;
    }
    this.slots = slots;
  }

  private hashAt(slots: Int32Array, at: number): number {
    const tag = slots[at] as number;
    const a = slots[at + 1] as number;
    const b = slots[at + 2] as number;
    const length = tag >>> 8;
    if (length <= 9) return hashOf(tag, a, b);
    if (length > longestKey) return hashOf(tag, a, 0);
    return hashOf(tag, mixed(a, slots[at + 3] as number), mixed(b, slots[at + 4] as number));
  }

  /** Forgets all words. Their memory is kept for others, as many as these: new memory would cost more than they do. */
  clear(): void {
    this.slots.fill(0);
    this.words = 0;
    this.copied = 0;
  }
}

/** The upper bits are the slot. */
function hashOf(tag: number, a: number, b: number): number {
  const h = Math.imul(a ^ Math.imul(tag, 0x2c1b3c6d), 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
  return Math.imul(h ^ (h >>> 15), 0x27d4eb2f);
}

/** Two numbers of a key as one for the hash. */
function mixed(a: number, c: number): number {
  return a ^ Math.imul(c, 0x27d4eb2f);
}
