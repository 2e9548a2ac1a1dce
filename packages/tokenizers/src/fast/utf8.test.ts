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
  it('writes UTF-16 units as it writes the text that they are, and refuses the same lone surrogates', () => {
    fc.assert(
      fc.property(units, units, fc.nat(1000), (list, around, place) => {
        const text = String.fromCharCode(...list);
        const memory = new Uint16Array(new SharedArrayBuffer(2 * (list.length + 2 * around.length)));
        memory.set([...around, ...list, ...around]);
        const utf8 = new Utf8();
        const write = () => utf8.writeUnits(memory, around.length, around.length + list.length, place);
        const lone = text.search(/[\ud800-\udfff]/u);
        if (lone >= 0) {
          expect(write).toThrow(`place ${place + lone};`);
          expect(() => utf8.writeText(text, place)).toThrow(`place ${place + lone};`);
          return;
        }
        write();
        expect(decoder.decode(utf8.bytes.subarray(0, utf8.length))).toBe(text);
        expect([...utf8.bytes.subarray(utf8.length, utf8.length + 16)]).toEqual(new Array(16).fill(0));
        const { length } = utf8;
        utf8.writeText(text, place);
        expect(utf8.length).toBe(length);
        expect(decoder.decode(utf8.bytes.subarray(0, length))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });
});
