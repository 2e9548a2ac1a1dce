import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { JsonNumber, parseStrictJson, type StrictJson } from './strict-json.js';

function plain(value: StrictJson): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (value instanceof Map) return Object.fromEntries([...value].map(([k, v]) => [k, plain(v)]));
  return Array.isArray(value) ? value.map(plain) : value;
}

describe('parseStrictJson', () => {
  it('reads what JSON.stringify writes', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), fc.constantFrom(undefined, 2, '\t'), (value, indent) => {
        const text = JSON.stringify(value, null, indent);
        expect(plain(parseStrictJson(text))).toEqual(JSON.parse(text));
      }),
    );
  });

  it('accepts and refuses arbitrary text as JSON.parse does', () => {
    const piece = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      ',',
      ':',
      '"',
      '\\',
      'a',
      '1',
      '-',
      '.',
      'e',
      '0',
      'null',
      'true',
      ' ',
      '\u0001',
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join('');
        let expected: unknown;
        try {
          expected = JSON.parse(text);
        } catch {
          expect(() => parseStrictJson(text)).toThrow(SyntaxError);
          return;
        }
        expect(plain(parseStrictJson(text))).toEqual(expected);
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['duplicate keys', '{"a":1,"a":2}', /duplicate key "a"/],
    ['duplicate keys in different spellings', '{"a":1,"\\u0061":2}', /duplicate key "a"/],
    ['deep nesting', '['.repeat(100_000), /nested deeper/],
    ['text after the value', '{} x', /unexpected text/],
    ['nothing', '', /expected a value/],
    ['half a surrogate pair', '["\\ud800"]', /expected a string at character 1/],
    ['a string without an end', '["a\\"', /expected a string at character 1/],
  ])('refuses %s', (_, text, message) => {
    expect(() => parseStrictJson(text)).toThrow(message);
  });

  it('reads a string of many megabytes, plain or escaped', () => {
    for (const [text, value] of [
      ['x', 'x'],
      ['\\n', '\n'],
      ['\\\\', '\\'],
      ['\\"', '"'],
    ] as const) {
      const whole = parseStrictJson(`["${text.repeat(16e6)}"]`);
      expect(Array.isArray(whole) && whole[0] === value.repeat(16e6)).toBe(true);
    }
  });

  it('keeps __proto__ as a name', () => {
    expect(parseStrictJson('{"__proto__":null}')).toEqual(new Map([['__proto__', null]]));
  });

  it.each([
    ['12', 12],
    ['0', 0],
    ['9007199254740991', 9007199254740991],
    ['9007199254740992', undefined],
    ['-1', undefined],
    ['1.0', undefined],
    ['1e2', undefined],
  ])('takes %s as the size %s', (text, size) => {
    expect(new JsonNumber(text).toSize()).toBe(size);
  });
});
