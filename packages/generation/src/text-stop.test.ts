import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { StopMatcher } from './text-stop';

function run(stops: readonly string[], pieces: readonly string[]): { text: string; stopped: boolean } {
  const matcher = new StopMatcher(stops);
  let text = '';
  for (const piece of pieces) {
    const result = matcher.push(piece);
    text += result.text;
    if (result.stopped) return { text, stopped: true };
  }
  return { text: text + matcher.flush(), stopped: false };
}

describe('StopMatcher', () => {
  it('finds a stop string across pieces and keeps it out of the text', () => {
    expect(run(['\n\nQ:'], ['answer\n', '\n', 'Q', ': next'])).toEqual({ text: 'answer', stopped: true });
  });

  it('gives back what only looked like a stop string', () => {
    expect(run(['aab'], ['a', 'a', 'a', 'c'])).toEqual({ text: 'aaac', stopped: false });
    expect(run(['aab'], ['a', 'a', 'a', 'b'])).toEqual({ text: 'a', stopped: true });
    expect(run(['END'], ['the E'])).toEqual({ text: 'the E', stopped: false });
  });

  it('never gives out text that may have to be taken back', () => {
    expect(new StopMatcher(['xyz', 'zz']).push('abxy')).toEqual({ text: 'ab', stopped: false });
  });

  it('finds the same of several stop strings in any pieces', () => {
    expect(run(['b', 'abc'], ['abc'])).toEqual({ text: 'a', stopped: true });
    expect(run(['bc', 'abc'], ['ab', 'c'])).toEqual({ text: '', stopped: true });
    const letters = (minLength: number, maxLength: number) =>
      fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength, maxLength });
    fc.assert(
      fc.property(letters(1, 12), fc.array(letters(1, 4), { minLength: 1, maxLength: 3 }), (whole, stops) => {
        expect(run(stops, [whole])).toEqual(run(stops, [...whole]));
      }),
      { numRuns: 2000 },
    );
  });

  it('equals cutting the whole text at the first stop string that is complete', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
    const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(text, stop, fc.integer({ min: 1, max: 5 }), (whole, only, size) => {
        const pieces = whole.match(new RegExp(`.{1,${size}}`, 'gs')) ?? [];
        const at = whole.indexOf(only);
        expect(run([only], pieces)).toEqual({ text: at < 0 ? whole : whole.slice(0, at), stopped: at >= 0 });
      }),
    );
  });
});
