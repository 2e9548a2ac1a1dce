import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AlignedText } from '../text/aligned-text';
import { isLater } from '../text/later';
import { type UnicodeForm, normalizeForm } from './unicode-forms';

const forms: readonly UnicodeForm[] = ['NFC', 'NFD', 'NFKC', 'NFKD'];
/** Texts with many marks, Hangul and compatibility characters. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary', maxLength: 1 }),
      fc.constantFrom(
        'a',
        'e',
        'é',
        '\u0301',
        '\u0323',
        '\u0327',
        '\u0345',
        '가',
        '\u1100',
        '\u1161',
        '\u11a8',
        'ﬁ',
        '\u0f71',
        '\u0f72',
        '\u0958',
      ),
    ),
    { maxLength: 12 },
  )
  .map((parts) => parts.join(''));

const younger = [isLater('marks'), isLater('composed')];

describe('normalizeForm', () => {
  for (const form of forms) {
    it(`makes the text that JavaScript makes: ${form}`, () => {
      fc.assert(
        fc.property(text, (source) => {
          // These stay where they are, as in Hugging Face's library.
          fc.pre(![...source].some((char) => younger.some((is) => is(char))));
          const made = normalizeForm(AlignedText.of(source), form);
          expect(made.text).toBe(source.normalize(form));
          // Every character comes from a stretch of the source, in order of their ends.
          for (let i = 0; i < made.length; i++) {
            const [start, end] = made.range(i, i + 1);
            expect(start).toBeLessThanOrEqual(end);
            expect(end).toBeLessThanOrEqual(source.length);
          }
        }),
        { numRuns: 400 },
      );
    });
  }

  it("leaves alone characters that are younger than the tables of Hugging Face's library (0.23)", () => {
    for (const form of forms)
      expect(normalizeForm(AlignedText.of('\u{1e2ae}\u0f71'), form).text).toBe('\u{1e2ae}\u0f71');
  });

  it('knows where a class beyond the first plane stands', () => {
    for (const mark of ['\u18a9', '\u302b', '\u05ae'])
      expect(normalizeForm(AlignedText.of(`é${mark}\u{1d16d}`), 'NFD').text).toBe(`e\u{1d16d}${mark}\u0301`);
  });

  it('puts long runs of marks in order', () => {
    const half = 100_000;
    const made = normalizeForm(AlignedText.of(`a${'\u0323\u0301'.repeat(half)}`), 'NFD').text;
    expect(made).toBe(`a${'\u0323'.repeat(half)}${'\u0301'.repeat(half)}`);
  });

  it('leaves alone what is in the form already', () => {
    const plain = AlignedText.of('plain');
    expect(normalizeForm(plain, 'NFKC')).toBe(plain);
  });

  it('gives a composed character the places of its parts', () => {
    const made = normalizeForm(AlignedText.of('xe\u0301y'), 'NFC');
    expect(made.text).toBe('xéy');
    expect([made.range(1, 2), made.range(2, 3)]).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });
});
