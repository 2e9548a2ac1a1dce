import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AlignedText } from './aligned-text';

const source = fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '😀') });
const ranges = (text: AlignedText) => Array.from({ length: text.length }, (_, i) => text.range(i, i + 1));

describe('AlignedText', () => {
  it('remembers places through slices', () => {
    fc.assert(
      fc.property(source, fc.nat(20), fc.nat(20), (text, a, b) => {
        const [from, to] = [Math.min(a, b, text.length), Math.min(Math.max(a, b), text.length)];
        const slice = AlignedText.of(text, 100).slice(from, to);
        expect(slice.text).toBe(text.slice(from, to));
        expect(slice.range(0, slice.length)).toEqual([100 + from, 100 + to]);
      }),
    );
  });

  it('gives what is put in a character’s place that character’s place', () => {
    const made = AlignedText.of('a😀b').flatMap((char) => (char === '😀' ? 'xyz' : char === 'b' ? '' : char));
    expect(made.text).toBe('axyz');
    expect(ranges(made)).toEqual([
      [0, 1],
      [1, 3],
      [1, 3],
      [1, 3],
    ]);
    const same = AlignedText.of('ab');
    expect(same.flatMap(String)).toBe(same);
    expect(same.filter((char) => char === 'b').range(0, 1)).toEqual([1, 2]);
  });

  it('replaces, prepends and assembles with places', () => {
    const replaced = AlignedText.of('a  b').replace([1, 3], '_');
    expect([replaced.text, ranges(replaced)]).toEqual([
      'a_b',
      [
        [0, 1],
        [2, 3],
        [3, 4],
      ],
    ]);
    const prefixed = AlignedText.of('😀b').prepend('__');
    expect([prefixed.text, ranges(prefixed)]).toEqual([
      '__😀b',
      [
        [0, 2],
        [0, 2],
        [0, 2],
        [0, 2],
        [2, 3],
      ],
    ]);
    expect(AlignedText.of('').prepend('_').text).toBe('');
    // Nothing before a text: its first character comes from nowhere.
    const none = AlignedText.of('ab').prepend('');
    expect([none.range(0, 1), none.range(1, 2)]).toEqual([
      [0, 0],
      [1, 2],
    ]);
    const made = AlignedText.of('abc').assemble(['X', 'yz'], [0, 2, 2, 3]);
    expect([made.text, ranges(made)]).toEqual([
      'Xyz',
      [
        [0, 2],
        [2, 3],
        [2, 3],
      ],
    ]);
  });

  it('changes character by character as the reference counts changes', () => {
    // a takes a's place, b is inserted, c takes the next and drops one more.
    const made = AlignedText.of('wxyz').transform(['a', 'b', 'c'], [0, 1, -1]);
    expect([made.text, ranges(made)]).toEqual([
      'abc',
      [
        [0, 1],
        [0, 1],
        [1, 2],
      ],
    ]);
    // What is inserted before all else comes from the beginning.
    expect(AlignedText.of('wx', 5).transform(['a', 'w'], [1, 0]).range(0, 2)).toEqual([5, 6]);
  });

  it('splits into pieces that are the text', () => {
    fc.assert(
      fc.property(
        source,
        fc.constantFrom('Isolated', 'MergedWithPrevious', 'MergedWithNext', 'Contiguous'),
        fc.boolean(),
        (text, behavior, invert) => {
          const matches = [...text.matchAll(/ |b+/g)].flatMap((m) => [m.index, m.index + m[0].length]);
          const pieces = AlignedText.of(text).split(matches, behavior, invert);
          expect(pieces.map((p) => p.text).join('')).toBe(text);
          expect(pieces.every((p) => p.length > 0)).toBe(true);
        },
      ),
    );
  });

  it('makes the same text untracked', () => {
    fc.assert(
      fc.property(source, (text) => {
        const both = [AlignedText.of(text), AlignedText.untracked(text)].map(
          (t) =>
            t
              .flatMap((c) => (c === 'a' ? 'AA' : c))
              .replace([0, Math.min(1, text.length)], '-')
              .prepend('>').text,
        );
        expect(both[0]).toBe(both[1]);
      }),
    );
  });
});
