import { describe, expect, it } from 'vitest';
import { createPreTokenizer, splitText } from './create';

const split = (text: string) => splitText(createPreTokenizer({ type: 'UnicodeScripts' }), text).map((p) => p.text);

describe('UnicodeScripts', () => {
  it('cuts where the script changes; kana go with Han', () => {
    expect(split('abcабвγδ')).toEqual(['abc', 'абв', 'γδ']);
    expect(split('どこで生まれた')).toEqual(['どこで生まれた']);
  });

  it('lets spaces join what is before them', () => {
    expect(split('Apples are りんご 林檎')).toEqual(['Apples are ', 'りんご 林檎']);
  });
});
