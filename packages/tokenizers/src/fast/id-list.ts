/** A growing list of ids in a typed array. */
export class IdList {
  ids: Int32Array;
  length = 0;

  constructor(expected = 64) {
    this.ids = new Int32Array(expected);
  }

  push(id: number): void {
    if (this.length === this.ids.length) this.reserve(1);
    this.ids[this.length++] = id;
  }

  append(ids: Int32Array): void {
    this.reserve(ids.length);
    this.ids.set(ids, this.length);
    this.length += ids.length;
  }

  /** Makes room for `more` ids behind those that are there. */
  reserve(more: number): void {
    if (this.length + more <= this.ids.length) return;
    const grown = new Int32Array(Math.max(this.length + more, this.ids.length * 2));
    grown.set(this.ids.subarray(0, this.length));
    this.ids = grown;
  }

  /** The ids as a plain list. By a loop: `Array.from` takes six times as long, more than it takes to make the ids. */
  toList(): number[] {
    const { ids, length } = this;
    // An array that is made longer than this at once is a hash table in V8.
    const out = length < 1 << 25 ? new Array<number>(length) : [];
    for (let i = 0; i < length; i++) out[i] = ids[i] as number;
    return out;
  }

  /** The ids, in an array of their own. */
  toArray(): Int32Array {
    return this.ids.slice(0, this.length);
  }
}
