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

  /** The ids, in an array of their own. */
  toArray(): Int32Array {
    return this.ids.slice(0, this.length);
  }
}
