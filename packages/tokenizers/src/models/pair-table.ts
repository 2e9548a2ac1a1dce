/** Slots for each entry, at the least. */
const room = 2;

/**
 * A hash table from pairs of whole numbers (below 2^31) to two numbers, in typed arrays: the merges of BPE and the
 * edges of tries, millions of them, looked up without making an object.
 *
 * A slot holds an entry's number and, in the bits above, some of its hash: most pairs that are absent are known for it
 * from one small array. The entries lie in the order in which they came, so that the usual merges lie together.
 */
export class PairTable {
  private slots: Int32Array;
  private mask: number;
  /** a, b, first, second of each entry. */
  private entries: Int32Array;
  private count = 0;

  constructor(expected = 0) {
    let size = 16;
    while (size < expected * room) size *= 2;
    this.slots = new Int32Array(size);
    this.mask = size - 1;
    this.entries = new Int32Array(4 * Math.max(8, expected));
  }

  /** Index of the pair's entry for `first` and `second`, or -1. */
  find(a: number, b: number): number {
    const { slots, mask, entries } = this;
    const h = hash(a, b);
    let slot = h & mask;
    for (;;) {
      const held = slots[slot] as number;
      if (held === 0) return -1;
      if (((held ^ h) & ~mask) === 0) {
        const at = ((held & mask) - 1) << 2;
        if (entries[at] === a && entries[at + 1] === b) return at;
      }
      slot = (slot + 1) & mask;
    }
  }

  first(at: number): number {
    return this.entries[at + 2] as number;
  }

  second(at: number): number {
    return this.entries[at + 3] as number;
  }

  /** Sets the values of a pair. */
  set(a: number, b: number, first: number, second = 0): void {
    const known = this.find(a, b);
    const at = known < 0 ? this.add(a, b) : known;
    this.entries[at + 2] = first;
    this.entries[at + 3] = second;
  }

  private add(a: number, b: number): number {
    const at = this.count * 4;
    if (at === this.entries.length) {
      const grown = new Int32Array(at * 2);
      grown.set(this.entries);
      this.entries = grown;
    }
    this.entries[at] = a;
    this.entries[at + 1] = b;
    this.count++;
    if (this.count * room > this.slots.length) {
      this.slots = new Int32Array(this.slots.length * 2);
      this.mask = this.slots.length - 1;
      for (let i = 0; i < this.count; i++) this.place(i);
    } else this.place(this.count - 1);
    return at;
  }

  private place(entry: number): void {
    const { slots, mask, entries } = this;
    const h = hash(entries[entry * 4] as number, entries[entry * 4 + 1] as number);
    let slot = h & mask;
    while (slots[slot] !== 0) slot = (slot + 1) & mask;
    slots[slot] = (h & ~mask) | (entry + 1);
  }
}

function hash(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return h ^ (h >>> 13);
}
