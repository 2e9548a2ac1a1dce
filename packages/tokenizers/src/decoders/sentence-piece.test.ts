import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileCharacterMap } from '../normalizers/charsmap.test-support';
import { SentencePieceNormalizer } from '../normalizers/sentence-piece';
import { sentencePieceDecoder } from './sentence-piece';

const make = (addDummyPrefix: boolean, removeExtraWhitespaces: boolean) =>
  sentencePieceDecoder({ unkPiece: '<unk>', unkSurface: ' ⁇ ', bytes: true, addDummyPrefix, removeExtraWhitespaces });
const decode = (tokens: readonly string[], prefix = true, remove = true) =>
  make(prefix, remove).decode(tokens).join('');

describe('sentencePieceDecoder', () => {
  it('drops the space that encoding put first', () => {
    expect(decode(['▁Hello', '▁world'])).toBe('Hello world');
    expect(decode(['▁', 'a'])).toBe('a');
    // Where spaces are removed, all at the beginning are; else only the one.
    expect(decode(['▁', '▁', 'a'])).toBe('a');
    expect(decode(['▁', '▁', 'a'], true, false)).toBe(' a');
    expect(decode(['▁a'], false, false)).toBe(' a');
  });

  it('shows unknown pieces', () => {
    expect(decode(['▁a', '<unk>', 'b'])).toBe('a ⁇ b');
  });

  it('puts the text through a denormalizer, in a stream too', () => {
    const charactersMap = compileCharacterMap({ ' ': '_', ab: 'X' });
    const spec = { charactersMap, addDummyPrefix: false, removeExtraWhitespaces: false, escapeWhitespaces: false };
    const decoder = sentencePieceDecoder({
      unkPiece: '<unk>',
      unkSurface: ' ⁇ ',
      bytes: true,
      addDummyPrefix: true,
      removeExtraWhitespaces: true,
      denormalizer: new SentencePieceNormalizer(spec),
    });
    expect(decoder.decode(['▁a', 'b', '▁c'])).toEqual(['X_c']);
    const stream = decoder.stream(false);
    expect([...['▁a', 'b', '▁c'].flatMap((token) => stream.push(token)), ...stream.end()].join('')).toBe('X_c');
  });

  it('keeps whole characters among bytes; any other byte is a replacement', () => {
    expect(decode(['a', '<0xC3>', '<0xA9>', '<0xFF>', '<0xE6>', '<0x97>', 'b'])).toBe('aé\ufffd\ufffd\ufffdb');
    expect(decode(['<0xED>', '<0xA0>', '<0x80>'])).toBe('\ufffd\ufffd\ufffd');
  });

  it('streams what it decodes whole, never half a character', () => {
    const token = fc.constantFrom(
      '▁',
      '▁a',
      'b',
      '<unk>',
      '<0xE6>',
      '<0x97>',
      '<0xA5>',
      '<0xF0>',
      '<0x9F>',
      '<0x80>',
      '▁▁',
    );
    fc.assert(
      fc.property(fc.array(token), fc.boolean(), fc.boolean(), (tokens, prefix, remove) => {
        const stream = make(prefix, remove).stream(false);
        const parts = tokens.flatMap((t) => stream.push(t));
        expect([...parts, ...stream.end()].join('')).toBe(decode(tokens, prefix, remove));
      }),
    );
    const stream = make(true, true).stream(false);
    expect(['<0xE6>', '<0x97>', '<0xA5>'].map((t) => stream.push(t))).toEqual([[], [], ['日']]);
  });
});
