import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AlignedText } from '../text/aligned-text';
import { compileCharacterMap } from './charsmap.test-support';
import { createNormalizer, normalizeText } from './create';
import { SentencePieceNormalizer, type SentencePieceNormalizerOptions } from './sentence-piece';

const apply = (text: string, options: SentencePieceNormalizerOptions = {}) =>
  new SentencePieceNormalizer(options).normalize(AlignedText.of(text)).text;

describe('SentencePieceNormalizer', () => {
  it('puts a mark before the text and joins spaces', () => {
    expect(apply('  hello   world ')).toBe('▁hello▁world');
    expect(apply('   ')).toBe('');
    expect(apply('')).toBe('');
  });

  it('keeps spaces where they are not to be removed', () => {
    expect(apply(' a  b ', { removeExtraWhitespaces: false })).toBe('▁▁a▁▁b▁');
    expect(apply(' a  b ', { removeExtraWhitespaces: false, addDummyPrefix: false })).toBe('▁a▁▁b▁');
    expect(apply('a b', { escapeWhitespaces: false })).toBe(' a b');
  });

  it('puts the mark behind the text if whitespace is a suffix', () => {
    expect(apply(' a b ', { treatWhitespaceAsSuffix: true })).toBe('a▁b▁');
    // Nothing is left of the texts, but only one was nothing but spaces.
    const charactersMap = compileCharacterMap({ '\u0001': '' });
    expect(apply('  ', { charactersMap, treatWhitespaceAsSuffix: true })).toBe('');
    expect(apply('\u0001', { charactersMap, treatWhitespaceAsSuffix: true })).toBe('▁');
    expect(apply('▁', { treatWhitespaceAsSuffix: true })).toBe('▁');
  });

  it('takes the longest entry of the map, but leaves user-defined texts alone', () => {
    const charactersMap = compileCharacterMap({ ab: 'X', abc: 'Y Z', '\t': ' ' });
    expect(apply('abcd\tab', { charactersMap })).toBe('▁Y▁Zd▁X');
    expect(apply('abcd\tab', { charactersMap, userDefined: ['abcd'] })).toBe('▁abcd▁X');
  });

  it('gives every character a place in the text', () => {
    const charactersMap = compileCharacterMap({ '㌀': 'アパート', '\u200b': '' });
    const made = new SentencePieceNormalizer({ charactersMap }).normalize(AlignedText.of(' ㌀\u200b  😀b'));
    expect(made.text).toBe('▁アパート▁😀b');
    expect(made.range(1, 5)).toEqual([1, 2]);
    expect(made.range(6, 8)).toEqual([5, 7]);
    expect(made.range(8, 9)).toEqual([7, 8]);
  });

  it('has a tokenizer.json form that does the same without a map', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('a', 'b', ' ', 'é', '😀') }),
        fc.boolean(),
        fc.boolean(),
        fc.boolean(),
        (text, addDummyPrefix, removeExtraWhitespaces, treatWhitespaceAsSuffix) => {
          const own = new SentencePieceNormalizer({ addDummyPrefix, removeExtraWhitespaces, treatWhitespaceAsSuffix });
          const made = own.normalize(AlignedText.of(text)).text;
          expect(normalizeText(createNormalizer(own.toJSON()), text)).toBe(made);
        },
      ),
    );
  });
});
