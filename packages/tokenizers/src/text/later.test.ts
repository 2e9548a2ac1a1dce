import { describe, expect, it } from 'vitest';
import { createNormalizer, normalizeText } from '../normalizers/create';
import { createPreTokenizer, splitText } from '../pre-tokenizers/create';
import { isLater } from './later';

const pieces = (type: string, text: string) => splitText(createPreTokenizer({ type }), text).map((piece) => piece.text);
const normal = (type: string, text: string) => normalizeText(createNormalizer({ type }), text);

describe('isLater', () => {
  it('knows the ends of ranges', () => {
    const later = isLater('punctuation');
    expect(['\u2e42', '\u2e43', '\u2e4f', '\u2e50', '.', '\u{10ffff}'].map(later)).toEqual([
      false,
      true,
      true,
      false,
      false,
      false,
    ]);
  });
});

// Expectations of Hugging Face's library (0.23).
describe("characters that the reference's tables lack", () => {
  it('are no punctuation, marks or format characters', () => {
    expect(pieces('Punctuation', 'a\u2e42b\u2e43c\u166dd')).toEqual(['a', '\u2e42', 'b\u2e43c', '\u166d', 'd']);
    expect(normal('StripAccents', 'a\u0301b\u08d3c\u1cf2')).toBe('ab\u08d3c');
    expect(normal('BertNormalizer', 'a\u0301b\u08d3c\u1734')).toBe('ab\u08d3c');
    expect(normal('BertNormalizer', 'a\u200db\u08e2c')).toBe('ab\u08e2c');
  });

  it('stay as they are in normal forms, and have no place in the order of marks', () => {
    expect(normal('NFKC', '\u32fe\u32ff')).toBe('\u30f2\u32ff');
    expect(normal('NFD', 'a\u0301\u{1e4ec}\u0323')).toBe('a\u0301\u{1e4ec}\u0323');
  });

  it('have no script', () => {
    expect(pieces('UnicodeScripts', '\u65e5\u10d0\u65e5')).toEqual(['\u65e5', '\u10d0', '\u65e5']);
    expect(pieces('UnicodeScripts', '\u65e5\u1c90\u65e5')).toEqual(['\u65e5\u1c90\u65e5']);
    expect(pieces('UnicodeScripts', '\u0561\u0589')).toEqual(['\u0561', '\u0589']);
  });
});
