/** Numbers in a log: some 200,000 words. Memory that no word has reached is not taken. */
const room = 1 << 20;
/** Where the first word is; before it the end of what is published. */
const first = 1;
/** Tables read beyond a word's end. */
const slack = 4;

/** Gets a word of a log: bytes [from, to) of the view, ids [begin, end) of the numbers. */
type Visit = (view: DataView, from: number, to: number, ids: Int32Array, begin: number, end: number) => void;

/**
 * Words and their ids in shared memory, written by one thread and read by others, so that what one has merged the
 * others need not. A word is published with all its ids or not at all; a full log takes no more.
 *
 * A word is its length and number of ids in one number, its bytes filled up to whole numbers with whatever follows, its
 * ids.
 */
export class WordLog {
  private readonly view: DataView;
  private at = first;

  /** @param shared What `memory` gave; a log that others wrote is read from its beginning. */
  constructor(private readonly shared: Int32Array) {
    this.view = new DataView(shared.buffer);
  }

  /** Memory for a log. */
  static memory(): Int32Array {
    return new Int32Array(new SharedArrayBuffer(4 * (room + slack)));
  }

  /** Makes the memory of a log as it was: no thread may be using it. */
  static empty(memory: Int32Array): void {
    Atomics.store(memory, 0, 0);
  }

  /** Adds bytes [from, to), at most 255, and the first `count` ids. The view must go on for 3 bytes behind `to`. */
  append(view: DataView, from: number, to: number, ids: Int32Array, count: number): void {
    const { shared, at } = this;
    const length = to - from;
    const begin = at + 1 + ((length + 3) >> 2);
    if (begin + count > room) return;
    shared[at] = (count << 8) | length;
    const copy = 4 * (at + 1);
    for (let i = 0; i < length; i += 4) this.view.setInt32(copy + i, view.getInt32(from + i, true), true);
    for (let k = 0; k < count; k++) shared[begin + k] = ids[k] as number;
    this.at = begin + count;
  }

  /** Shows others what was added. */
  publish(): void {
    Atomics.store(this.shared, 0, this.at);
  }

  /** Visits the words published since the last call. */
  read(visit: Visit): void {
    const { shared } = this;
    // What was written before the end was published is seen by whoever reads the end.
    const end = Atomics.load(shared, 0);
    while (this.at < end) {
      const head = shared[this.at] as number;
      const from = 4 * (this.at + 1);
      const length = head & 0xff;
      const begin = this.at + 1 + ((length + 3) >> 2);
      this.at = begin + (head >> 8);
      visit(this.view, from, from + length, shared, begin, this.at);
    }
  }
}
