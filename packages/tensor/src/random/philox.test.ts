import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { philox4x32, unitOf } from './philox';

// Known answers of the Random123 distribution (kat_vectors, philox4x32 10).
const known = [
  [
    [0, 0],
    [0, 0, 0, 0],
    [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
  ],
  [
    [0xffffffff, 0xffffffff],
    [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
    [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
  ],
  [
    [0xa4093822, 0x299f31d0],
    [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
    [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
  ],
] as const;

describe('philox4x32', () => {
  it.each(known)('gives the known answer for key %j, counter %j', (key, counter, want) => {
    expect(philox4x32(key, counter)).toEqual([...want]);
  });

  it('agrees with 64-bit arithmetic for any key and counter', () => {
    const word = fc.integer({ min: 0, max: 0xffffffff });
    const wide = (key: bigint[], counter: bigint[]) => {
      let [k0, k1] = key as [bigint, bigint];
      let [c0, c1, c2, c3] = counter as [bigint, bigint, bigint, bigint];
      const mask = 0xffffffffn;
      for (let r = 0; r < 10; r++) {
        const p0 = 0xd2511f53n * c0;
        const p1 = 0xcd9e8d57n * c2;
        [c0, c1, c2, c3] = [(p1 >> 32n) ^ c1 ^ k0, p1 & mask, (p0 >> 32n) ^ c3 ^ k1, p0 & mask];
        k0 = (k0 + 0x9e3779b9n) & mask;
        k1 = (k1 + 0xbb67ae85n) & mask;
      }
      return [c0, c1, c2, c3].map(Number);
    };
    fc.assert(
      fc.property(fc.tuple(word, word), fc.tuple(word, word, word, word), (key, counter) => {
        expect(philox4x32(key, counter)).toEqual(wide(key.map(BigInt), counter.map(BigInt)));
      }),
    );
  });

  it('maps words into [0, 1)', () => {
    expect(unitOf(0)).toBe(0);
    expect(unitOf(0xffffffff)).toBeLessThan(1);
  });
});
