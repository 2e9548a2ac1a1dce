import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Utf8 } from './utf8';

const decoder = new TextDecoder('utf-8', { ignoreBOM: true, fatal: true });

/** Any units: halves of surrogate pairs too, alone and in the wrong order. */
const units = fc.array(
  fc.oneof(
    fc.integer({ min: 0, max: 0x7f }),
    fc.integer({ min: 0, max: 0xffff }),
    fc.integer({ min: 0xd7ff, max: 0xe000 }),
  ),
  { maxLength: 40 },
);

describe('Utf8', () => {
  it('writes any text with zero bytes behind it, and refuses lone surrogates by their place', () => {
    const utf8 = new Utf8();
    fc.assert(
      fc.property(units, fc.nat(1000), (list, place) => {
        const text = String.fromCharCode(...list);
        const lone = text.search(/[\ud800-\udfff]/u);
        if (lone >= 0) {
          expect(() => utf8.writeText(text, place)).toThrow(`place ${place + lone};`);
          return;
        }
        utf8.writeText(text, place);
        expect(decoder.decode(utf8.bytes.subarray(0, utf8.length))).toBe(text);
        expect([...utf8.bytes.subarray(utf8.length, utf8.length + 16)]).toEqual(new Array(16).fill(0));
      }),
      { numRuns: 2000 },
    );
  });
});
