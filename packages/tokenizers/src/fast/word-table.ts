const stride = 4;
const firstSlots = 1 << 13;
/** Most words that are remembered by default; then all are forgotten. Bounds the memory to some 16 MB. */
const mostWords = 1 << 18;
/** Longer words are not remembered. */
export const longestWord = 128;

/** Masks of the bytes that belong to a word in its first or last four. */
const masks = Int32Array.of(0, 0xff, 0xffff, 0xffffff, -1);

/**
 * Words of bytes → a number, in typed arrays: no string is made to look a word up. A word of up to eight bytes is its
 * own key; longer ones are compared with a copy.
 */
export class WordTable {
  private slots = new Int32Array(firstSlots * stride);
  private mask = firstSlots - 1;
  private words = 0;
  private copies = new DataView(new ArrayBuffer(1 << 16));
  private copied = 0;
  // The key of the last look-up, for `insert`.
  private a = 0;
  private b = 0;
  private slot = 0;

  /** @param most Words it holds before it forgets them all. */
  constructor(private readonly most = mostWords) {}

  /** How many words are in it. */
  get size(): number {
    return this.words;
  }

  /** The place of the value of bytes [from, to), or -1. The view must go on for 8 bytes behind `to`. */
  find(view: DataView, from: number, to: number): number {
    const length = to - from;
    let a: number;
    let b: number;
    let h: number;
    if (length <= 4) {
      a = view.getInt32(from, true) & (masks[length] as number);
      b = 0;
      h = Math.imul(a, 0x9e3779b1) + length;
    } else if (length <= 8) {
      a = view.getInt32(from, true);
      b = view.getInt32(from + 4, true) & (masks[length - 4] as number);
      h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b, 0x85ebca6b);
    } else {
      h = length;
      let at = from;
      for (; at + 4 < to; at += 4) {
        h = Math.imul(h ^ view.getInt32(at, true), 0x9e3779b1);
        h ^= h >>> 15;
      }
      h = Math.imul(h ^ (view.getInt32(at, true) & (masks[to - at] as number)), 0x85ebca6b);
      a = h;
      b = 0;
    }
    h ^= h >>> 15;
    h = Math.imul(h, 0x2c1b3c6d);
    h ^= h >>> 13;
    const { slots, mask } = this;
    let slot = h & mask;
    for (;;) {
      const at = slot << 2;
      const known = slots[at] as number;
      if (known === 0) break;
      if (known === length && slots[at + 1] === a) {
        if (length <= 8 ? slots[at + 2] === b : this.sameCopy(slots[at + 2] as number, view, from, to)) return at + 3;
      }
      slot = (slot + 1) & mask;
    }
    this.a = a;
    this.b = b;
    this.slot = slot;
    return -1;
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

  setValue(at: number, value: number): void {
    this.slots[at] = value;
  }

  /**
   * Adds the word that `find` has just not found.
   *
   * @returns False if the table was full: it is empty now, and the word is not in it.
   */
  insert(view: DataView, from: number, to: number, value: number): boolean {
    if (this.words >= this.most) {
      this.clear();
      return false;
    }
    const length = to - from;
    const at = this.slot * stride;
    this.slots[at] = length;
    this.slots[at + 1] = this.a;
    this.slots[at + 2] = length <= 8 ? this.b : this.copy(view, from, to);
    this.slots[at + 3] = value;
    if (++this.words * 2 > this.mask) this.grow();
    return true;
  }

  private copy(view: DataView, from: number, to: number): number {
    const start = this.copied;
    const size = (to - from + 3) & ~3;
    if (start + size + 8 > this.copies.byteLength) {
      const grown = new Uint8Array(this.copies.byteLength * 2);
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
    const count = (this.mask + 1) * 4;
    this.slots = new Int32Array(count * stride);
    this.mask = count - 1;
    for (let at = 0; at < old.length; at += stride) {
      const length = old[at] as number;
      if (length === 0) continue;
      // Words are put back by looking for them: their keys hash as before.
      const key = length <= 8 ? this.shortKey(old[at + 1] as number, old[at + 2] as number) : this.copies;
      const from = length <= 8 ? 0 : (old[at + 2] as number);
      this.find(key, from, from + length);
      this.slots.set(old.subarray(at, at + stride), this.slot * stride);
    }
  }

  private readonly short = new DataView(new ArrayBuffer(16));

  private shortKey(a: number, b: number): DataView {
    this.short.setInt32(0, a, true);
    this.short.setInt32(4, b, true);
    return this.short;
  }

  /** Visits every word and its value, in no order; the bytes are valid during the call only. */
  forEach(visit: (bytes: Uint8Array, value: number) => void): void {
    const { slots } = this;
    for (let at = 0; at < slots.length; at += stride) {
      const length = slots[at] as number;
      if (length === 0) continue;
      const view = length <= 8 ? this.shortKey(slots[at + 1] as number, slots[at + 2] as number) : this.copies;
      visit(new Uint8Array(view.buffer, length <= 8 ? 0 : (slots[at + 2] as number), length), slots[at + 3] as number);
    }
  }

  clear(): void {
    this.slots = new Int32Array(firstSlots * stride);
    this.mask = firstSlots - 1;
    this.words = 0;
    this.copied = 0;
  }
}
