import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AlignedText, type SplitBehavior } from '../text/aligned-text';
import { sequence, splitBehaviors, splitCharacters, splitPattern } from './split';

const text = 'the-final--countdown-';
/** What Hugging Face's library makes of the text, split at `-`; inverted where told. */
const expected: readonly (readonly [SplitBehavior, boolean, readonly string[]])[] = [
  ['Removed', false, ['the', 'final', 'countdown']],
  ['Removed', true, ['-', '-', '-', '-']],
  ['Isolated', false, ['the', '-', 'final', '-', '-', 'countdown', '-']],
  ['Isolated', true, ['the', '-', 'final', '-', '-', 'countdown', '-']],
  ['MergedWithPrevious', false, ['the-', 'final-', '-', 'countdown-']],
  ['MergedWithPrevious', true, ['the', '-final', '-', '-countdown', '-']],
  ['MergedWithNext', false, ['the', '-final', '-', '-countdown', '-']],
  ['MergedWithNext', true, ['the-', 'final-', '-', 'countdown-']],
  ['Contiguous', false, ['the', '-', 'final', '--', 'countdown', '-']],
  ['Contiguous', true, ['the', '-', 'final', '--', 'countdown', '-']],
];

describe('splitPattern', () => {
  for (const [behavior, invert, pieces] of expected) {
    it(`${behavior}${invert ? ', inverted' : ''}`, () => {
      const made = splitPattern('-', { behavior, invert });
      expect(made.split(AlignedText.of(text)).map((p) => p.text)).toEqual(pieces);
      expect(made.toJSON()).toEqual({ type: 'Split', pattern: { Regex: '-' }, behavior, invert });
    });
  }

  it('loses nothing unless it removes, and keeps places', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', '-', ' ', '😀') }),
        fc.constantFrom(...splitBehaviors.filter((b) => b !== 'Removed')),
        fc.boolean(),
        (source, behavior, invert) => {
          const pieces = splitPattern('-+|a', { behavior, invert }).split(AlignedText.of(source));
          expect(pieces.map((p) => p.text).join('')).toBe(source);
          for (const p of pieces) expect(source.slice(...p.range(0, p.length))).toBe(p.text);
        },
      ),
    );
  });

  it('reads Rust patterns by Rust rules and writes them for Oniguruma', () => {
    const rust = splitPattern('^a|b$', { dialect: 'rust', behavior: 'Removed', invert: true });
    expect(rust.split(AlignedText.of('a\na b\nb')).map((p) => p.text)).toEqual(['a', 'b']);
    expect(rust.toJSON().pattern).toEqual({ Regex: '\\Aa|b\\z' });
  });
});

describe('splitCharacters and sequence', () => {
  it('take single characters, beyond the BMP too', () => {
    const smile = splitCharacters('\\u{1f600}', 'Isolated', { type: 'X' });
    expect(smile.split(AlignedText.of('a😀😀')).map((p) => p.text)).toEqual(['a', '😀', '😀']);
  });

  it('give nothing for nothing', () => {
    expect(sequence([]).split(AlignedText.of(''))).toEqual([]);
    expect(
      sequence([])
        .split(AlignedText.of('a'))
        .map((p) => p.text),
    ).toEqual(['a']);
  });
});
