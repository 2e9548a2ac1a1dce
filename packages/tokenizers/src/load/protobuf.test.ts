import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TokenizerError } from '../errors';
import { readMessage } from './protobuf';

const read = (...bytes: number[]) => [...readMessage(Uint8Array.from(bytes), 'Message')];

describe('readMessage', () => {
  it('reads numbers, floats and lengths', () => {
    expect(read(0x08, 0x96, 0x01)[0]).toMatchObject({ number: 1, int: 150 });
    expect(read(0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01)[0]).toMatchObject({
      number: 2,
      int: -1,
    });
    expect(read(0x15, 0x00, 0x00, 0x80, 0xbf)[0]).toMatchObject({ number: 2, float: -1 });
    expect([...(read(0x1a, 2, 7, 8)[0]?.bytes ?? [])]).toEqual([7, 8]);
    expect(read(0x09, 1, 2, 3, 4, 5, 6, 7, 8, 0x08, 5)[1]).toMatchObject({ int: 5 });
    expect(read(0xd2, 0x02, 0)[0]).toMatchObject({ number: 42 });
  });

  it('checks every length and names the byte', () => {
    expect(() => read(0x1a, 5, 1)).toThrow(
      /\[protobuf\] Message, byte 0: .*at most the 1 bytes that are left, got a length of 5/,
    );
    expect(() => read(0x1a, 0xff, 0xff, 0xff, 0xff, 0x0f)).toThrow(/got a length of 4294967295/);
    // 5 + 2^32 is not 5.
    expect(() => read(0x1a, 0x85, 0x80, 0x80, 0x80, 0x10, 1, 2, 3, 4, 5)).toThrow(
      /byte 0: expected a length of at most 32/,
    );
    expect(() => read(0x88, 0x80, 0x80, 0x80, 0x10, 0)).toThrow(/byte 0: expected a tag of at most 32 bits/);
    expect(() => read(0x08, 0x80)).toThrow(/byte 1: expected a number that ends inside the message/);
    expect(() => read(0x08, ...Array<number>(11).fill(0x80))).toThrow(/at most 10 bytes/);
    expect(() => read(0x15, 1, 2)).toThrow(/at most the 2 bytes/);
    expect(() => read(0x0b)).toThrow(/a wire type of 0, 1, 2 or 5, got 3/);
    expect(() => read(0x02, 0)).toThrow(/a field number above 0/);
  });

  it('ends on any bytes, by fields or by a typed error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          for (const field of readMessage(bytes, 'x')) expect(field.number).toBeGreaterThan(0);
        } catch (error) {
          expect(error).toBeInstanceOf(TokenizerError);
        }
      }),
      { numRuns: 500 },
    );
  });
});
