import { describe, expect, it } from 'vitest';
import { foldClass, quote } from './classes';
import { parsePattern } from './parse';

const parse = (pattern: string) => parsePattern(pattern, 'oniguruma');

describe('parsePattern', () => {
  it('reads quantifiers with their modes', () => {
    expect(parse('a+?')).toMatchObject({ type: 'repeat', min: 1, max: Number.POSITIVE_INFINITY, mode: 'lazy' });
    expect(parse('a?+')).toMatchObject({ min: 0, max: 1, mode: 'possessive' });
    expect(parse('a{2,}')).toMatchObject({ min: 2, max: Number.POSITIVE_INFINITY, mode: 'greedy' });
    // Behind braces a plus is a second quantifier in Oniguruma, and possessive in Rust.
    expect(parse('a{2}+')).toMatchObject({ min: 1, item: { min: 2, max: 2 } });
    expect(parsePattern('a{2}+', 'rust')).toMatchObject({ min: 2, mode: 'possessive' });
    // Braces that are no count are characters.
    expect(parse('a{')).toMatchObject({ type: 'sequence' });
  });

  it('reads flags for the rest of a group, comments and free spacing', () => {
    expect(parse('(?x) a b # c')).toEqual(parse('ab'));
    expect(parse('a(?#note)b')).toEqual(parse('ab'));
    expect(JSON.stringify(parse('(?i)a'))).toContain('A');
    expect(JSON.stringify(parse('(?i:a)b'))).toBe(JSON.stringify(parse('(?:(?i)a)b')));
    expect(() => parse('(?q)a')).toThrow(/the flag q at place/);
  });

  it('reads groups, references and names', () => {
    expect(parse('(a)(b)\\k<2>\\1')).toMatchObject({
      items: [{ type: 'capture', index: 1 }, { type: 'capture', index: 2 }, { indexes: [2] }, { indexes: [1] }],
    });
    // Beside named groups plain ones capture nothing.
    expect(parse('(a)(?<n>b)\\k<n>')).toMatchObject({
      items: [{ type: 'set' }, { type: 'capture', index: 1 }, { indexes: [1] }],
    });
    expect(parse('(?>a)')).toMatchObject({ type: 'atomic' });
    expect(parse('(?<!a)')).toMatchObject({ type: 'look', behind: true, negative: true });
  });
});

describe('classes', () => {
  it('fold by simple case folding: one character for one', () => {
    const folded = new RegExp(`^${foldClass('[sk]')}$`, 'v');
    expect([...'sSſkKK'].every((c) => folded.test(c))).toBe(true);
    expect(folded.test('ß')).toBe(false);
  });

  it('quote any character', () => {
    for (const c of ['a', '-', ']', '\\', '&', '\n', '😀'])
      expect(new RegExp(`^[${quote(c.codePointAt(0) as number)}]$`, 'v').test(c)).toBe(true);
  });
});
