import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { WordLog } from './word-log';

/** A word as text, and its ids. */
const word = fc.tuple(fc.uint8Array({ minLength: 1, maxLength: 128 }), fc.array(fc.nat(), { minLength: 1 }));

function taken(log: WordLog): [number[], number[]][] {
  const out: [number[], number[]][] = [];
  log.read((view, from, to, ids, begin, end) => {
    out.push([Array.from({ length: to - from }, (_, i) => view.getUint8(from + i)), [...ids.subarray(begin, end)]]);
  });
  return out;
}

describe('WordLog', () => {
  it('gives each reader the words published since it last read, once and whole', () => {
    fc.assert(
      fc.property(fc.array(fc.array(word)), (rounds) => {
        const memory = WordLog.memory();
        const writer = new WordLog(memory);
        const often = new WordLog(memory);
        const all: [number[], number[]][] = [];
        for (const words of rounds) {
          for (const [bytes, ids] of words) {
            const inside = Uint8Array.of(9, ...bytes, 9, 9, 9);
            writer.append(new DataView(inside.buffer), 1, 1 + bytes.length, Int32Array.of(...ids, 7), ids.length);
          }
          expect(taken(often)).toEqual([]);
          writer.publish();
          const given = words.map(([bytes, ids]): [number[], number[]] => [[...bytes], ids]);
          expect(taken(often)).toEqual(given);
          all.push(...given);
        }
        expect(taken(new WordLog(memory))).toEqual(all);
      }),
      { numRuns: 30 },
    );
  });

  it('leaves out what has no room', () => {
    const memory = WordLog.memory();
    const writer = new WordLog(memory);
    const bytes = new DataView(new Uint8Array(128).fill(1).buffer);
    const ids = new Int32Array(128).fill(3);
    for (let i = 0; i < 10_000; i++) writer.append(bytes, 0, 128, ids, 128);
    writer.append(bytes, 0, 4, ids, 1);
    writer.publish();
    const got = taken(new WordLog(memory));
    expect(got.length).toBeGreaterThan(5000);
    expect(got.length).toBeLessThan(10_000);
    expect(got.every(([word, list]) => (word.length === 128 && list.length === 128) || word.length === 4)).toBe(true);
  });
});
