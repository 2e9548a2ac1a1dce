import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { byteToChar } from '../text/byte-alphabet';
import { byteFallbackDecoder, byteLevelDecoder, tokenBytes } from './bytes';

const anyBytes = fc.array(fc.nat(255), { maxLength: 12 });
const lenient = (bytes: readonly number[]) =>
  new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));

describe('byteLevelDecoder', () => {
  it('decodes any bytes as UTF-8 with replacements, however tokens cut them', () => {
    fc.assert(
      fc.property(anyBytes, fc.array(fc.nat(4)), (bytes, cuts) => {
        const tokens: string[] = [];
        for (let at = 0, k = 0; at < bytes.length; k++) {
          const size = 1 + (cuts[k] ?? 0);
          tokens.push(
            bytes
              .slice(at, at + size)
              .map(byteToChar)
              .join(''),
          );
          at += size;
        }
        expect(byteLevelDecoder().decode(tokens).join('')).toBe(lenient(bytes));
      }),
    );
  });

  it('takes a token outside the alphabet as text', () => {
    expect(byteLevelDecoder().decode(['Ġa', '日 b'])).toEqual([' a日 b']);
    expect([...tokenBytes('é')]).toEqual([0xe9]);
    expect([...tokenBytes('日')]).toEqual([0xe6, 0x97, 0xa5]);
  });
});

describe('byteFallbackDecoder', () => {
  it('reads a byte with a sign, as Rust does', () => {
    expect(byteFallbackDecoder().decode(['a', '<0x+A>', '<0x-A>', '<0x+0A>']).join('')).toBe('a\n<0x-A><0x+0A>');
  });

  it('makes a run text, or one replacement a byte', () => {
    const name = (b: number) => `<0x${b.toString(16).toUpperCase().padStart(2, '0')}>`;
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        const text = lenient(bytes);
        const valid = !text.includes('\ufffd');
        const expected = valid ? text : '\ufffd'.repeat(bytes.length);
        expect(
          byteFallbackDecoder()
            .decode(['x', ...bytes.map(name), 'y'])
            .join(''),
        ).toBe(`x${expected}y`);
      }),
    );
  });
});
