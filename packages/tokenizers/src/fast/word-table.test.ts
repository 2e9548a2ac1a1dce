import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WordTable } from './word-table';

/** A word at some place between other bytes. */
function placed(word: Uint8Array, at = 3) {
  const bytes = new Uint8Array(at + word.length + 16).fill(0xaa);
  bytes.set(word, at);
  return { view: new DataView(bytes.buffer), from: at, to: at + word.length };
}

describe('WordTable', () => {
  it('is a map from words of bytes', () => {
    // Few bytes and many lengths, so that words are alike.
    const byte = fc.constantFrom(0, 1, 0x61, 0xff);
    const words = fc.array(
      fc.uint8Array({ minLength: 1, maxLength: 40 }).chain((w) => fc.tuple(...Array.from(w, () => byte))),
    );
    fc.assert(
      fc.property(words, (list) => {
        const table = new WordTable();
        const map = new Map<string, number>();
        list.forEach((w, value) => {
          const word = Uint8Array.from(w);
          const { view, from, to } = placed(word, value % 5);
          const at = table.find(view, from, to);
          const known = map.get(word.join());
          expect(at < 0 ? undefined : table.value(at)).toBe(known);
          if (at >= 0) return;
          table.insert(view, from, to, value);
          map.set(word.join(), value);
        });
        expect(table.size).toBe(map.size);
      }),
    );
  });

  it('keeps its words as it grows, and forgets all when it is full', () => {
    const most = 40_000;
    const table = new WordTable(most);
    const word = (i: number) => placed(new TextEncoder().encode(`${i}${'-'.repeat(i % 23)}`));
    const wrong: number[] = [];
    for (let i = 0; i < most; i++) {
      const { view, from, to } = word(i);
      if (table.find(view, from, to) >= 0 || !table.insert(view, from, to, i)) wrong.push(i);
    }
    for (let i = 0; i < most; i++) {
      const { view, from, to } = word(i);
      const at = table.find(view, from, to);
      if (at < 0 || table.value(at) !== i) wrong.push(i);
    }
    expect(wrong).toEqual([]);
    const { view, from, to } = word(most);
    table.find(view, from, to);
    expect(table.insert(view, from, to, 0)).toBe(false);
    expect(table.size).toBe(0);
  });

  it('forgets all when the copies of long words are too many', () => {
    const table = new WordTable(1000);
    const word = (i: number) => placed(new TextEncoder().encode(`${i}`.padStart(100, '-')));
    let added = 0;
    for (; added < 1000; added++) {
      const { view, from, to } = word(added);
      expect(table.find(view, from, to)).toBe(-1);
      if (!table.insert(view, from, to, added)) break;
    }
    expect(added).toBe(160);
    expect(table.size).toBe(0);
  });
});
