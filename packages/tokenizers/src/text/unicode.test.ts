import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteAlphabet, byteToChar, charToByte, toByteChars } from './byte-alphabet';
import { classOf, letter, mark, newline, number, space } from './classes';
import { codePointPlaces, findLoneSurrogate, isSpace, utf8Length } from './unicode';

describe('unicode', () => {
  it('counts UTF-8 bytes and code points', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        const bytes = [...text].reduce((n, char) => n + utf8Length(char.codePointAt(0) as number), 0);
        expect(bytes).toBe(new TextEncoder().encode(text).length);
        const places = codePointPlaces(text);
        for (let at = 0, point = 0; at <= text.length; point++) {
          expect(places?.[at] ?? at).toBe(point);
          at += Math.max(1, String.fromCodePoint(text.codePointAt(at) ?? 0).length);
        }
      }),
    );
  });

  it("has Unicode's spaces: U+0085 is one, U+FEFF is none", () => {
    expect([...'\t\n\v\f\r \u0085\u00a0\u3000\u2028'].every(isSpace)).toBe(true);
    expect([...'\ufeff\u200ba\u180e'].some(isSpace)).toBe(false);
  });

  it('finds lone surrogates', () => {
    expect(findLoneSurrogate('a😀b')).toBe(-1);
    expect(findLoneSurrogate('a\ud83db')).toBe(1);
    expect(findLoneSurrogate('\ude00')).toBe(0);
  });

  it('classifies characters as the properties say', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x10ffff }), (codePoint) => {
        const char = String.fromCodePoint(codePoint);
        const bits = classOf(codePoint);
        const has = (bit: number) => (bits & bit) !== 0;
        expect([has(letter), has(number), has(mark)]).toEqual([/\p{L}/u, /\p{N}/u, /\p{M}/u].map((p) => p.test(char)));
        expect(has(space)).toBe(isSpace(char));
        expect(has(newline)).toBe(char === '\n' || char === '\r');
      }),
    );
  });
});

describe('the byte alphabet', () => {
  it('has one visible character for each byte', () => {
    expect(new Set(byteAlphabet).size).toBe(256);
    for (let b = 0; b < 256; b++) expect(charToByte(byteToChar(b))).toBe(b);
    expect(byteAlphabet.every((char) => !/[\s\p{Cc}]/u.test(char))).toBe(true);
    expect([byteToChar(0x20), byteToChar(0x0a), byteToChar(0x41)]).toEqual(['Ġ', 'Ċ', 'A']);
    expect(charToByte('日')).toBeUndefined();
  });

  it('writes UTF-8', () => {
    expect(toByteChars(' é')).toBe('ĠÃ©');
  });
});
