import { describe, expect, it } from 'vitest';
import { AlignedText } from '../text/aligned-text';
import { byteLevel } from './byte-level';

const pieces = (text: string, options = {}) =>
  byteLevel(options)
    .split(AlignedText.of(text))
    .map((p) => p.text);

describe('byteLevel', () => {
  it("splits as GPT-2 does: U+0085 is a space, U+FEFF is none, 'T is no contraction", () => {
    expect(pieces("it's  a\u0085b \ufeff 12x DON'T\n\n")).toEqual([
      'it',
      "'s",
      'Ġ',
      'Ġa',
      'Âħ',
      'b',
      'Ġï»¿',
      'Ġ12',
      'x',
      'ĠDON',
      "'",
      'T',
      'ĊĊ',
    ]);
  });

  it('leaves splitting to others if told, and prepends a space if told', () => {
    expect(pieces('a b', { useRegex: false })).toEqual(['aĠb']);
    expect(pieces('a b', { addPrefixSpace: true })).toEqual(['Ġa', 'Ġb']);
    expect(pieces(' a', { addPrefixSpace: true })).toEqual(['Ġa']);
    expect(pieces('')).toEqual([]);
  });
});
