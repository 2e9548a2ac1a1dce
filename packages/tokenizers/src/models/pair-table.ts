/**
 * A hash table from pairs of whole numbers (below 2^31) to two numbers, in one typed array: the merges of BPE and
 * the edges of tries, millions of them, looked up without making an object.
 */
export class PairTable {
  private slots: Int32Array;
  private mask: number;
  private count = 0;

  constructor(expected = 0) {
    let size = 16;
    while (size < expected * 2) size *= 2;
    this.slots = new Int32Array(size * 4).fill(-1);
    this.mask = size - 1;
  }

  /** Index of the pair's entry for `first` and `second`, or -1. */
  find(a: number, b: number): number {
    const { slots, mask } = this;
    let slot = hash(a, b) & mask;
    for (;;) {
      const at = slot << 2;
      const key = slots[at] as number;
      if (key === a && slots[at + 1] === b) return at;
      if (key === -1) return -1;
      slot = (slot + 1) & mask;
    }
  }

  first(at: number): number {
    return this.slots[at + 2] as number;
  }

  second(at: number): number {
    return this.slots[at + 3] as number;
  }

  /** Sets the values of a pair. */
  set(a: number, b: number, first: number, second = 0): void {
    if (this.count * 2 > this.mask) this.grow();
    let slot = hash(a, b) & this.mask;
    for (;;) {
      const at = slot << 2;
      if (this.slots[at] === -1) {
        this.count++;
        this.slots[at] = a;
        this.slots[at + 1] = b;
      } else if (this.slots[at] !== a || this.slots[at + 1] !== b) {
        slot = (slot + 1) & this.mask;
        continue;
      }
      this.slots[at + 2] = first;
      this.slots[at + 3] = second;
      return;
    }
  }

  private grow(): void {
    const old = this.slots;
    this.slots = new Int32Array(old.length * 2).fill(-1);
    this.mask = this.slots.length / 4 - 1;
    this.count = 0;
    for (let at = 0; at < old.length; at += 4) {
      if (old[at] !== -1)
        this.set(old[at] as number, old[at + 1] as number, old[at + 2] as number, old[at + 3] as number);
    }
  }
}

function hash(a: number, b: number): number {
  let h = Math.imul(a, 0x9e3779b1) ^ Math.imul(b + 0x7f4a7c15, 0x85ebca6b);
  h ^= h >>> 15;
  h = Math.imul(h, 0x2c1b3c6d);
  return h ^ (h >>> 13);
}
