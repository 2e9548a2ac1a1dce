import { describe, expect, it } from 'vitest';
import { byteAlphabet } from '../text/byte-alphabet';
import { Tokenizer } from '../tokenizer';
import { tokenizerFromGpt2 } from './gpt2';

const vocab = Object.fromEntries([...byteAlphabet, 'he', 'Ġhe', '<|endoftext|>'].map((token, id) => [token, id]));
const merges = '#version: 0.2\nh e\nĠ he\n';

describe('tokenizerFromGpt2', () => {
  const tokenizer = tokenizerFromGpt2({ vocab, merges });

  it('encodes with merges and end of text', () => {
    expect(tokenizer.encode('he he<|endoftext|>').tokens).toEqual(['he', 'Ġhe', '<|endoftext|>']);
    expect(tokenizer.decode(tokenizer.encodeIds('日本 he'))).toBe('日本 he');
    expect(tokenizer.specialTokens.map(({ content }) => content)).toEqual(['<|endoftext|>']);
  });

  it('prepends a space if asked, and is written as tokenizer.json', () => {
    const spaced = tokenizerFromGpt2({ vocab, merges, addPrefixSpace: true, specialTokens: [] });
    expect(spaced.encode('he').tokens).toEqual(['Ġhe']);
    const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(spaced)));
    expect(again.encodeIds('he he')).toEqual(spaced.encodeIds('he he'));
  });

  it('names what is malformed', () => {
    expect(() => tokenizerFromGpt2({ vocab, merges: '#version\nh e\nh' })).toThrow(
      /\[gpt2\] merges\.txt, line 3: expected two tokens, got "h"/,
    );
    expect(() => tokenizerFromGpt2({ vocab, merges: 'h z' })).toThrow(/model\.merges\[0\]: .*"hz" is absent/);
    expect(() => tokenizerFromGpt2({ vocab: [], merges })).toThrow(/vocab: expected an object/);
    expect(() => tokenizerFromGpt2({ vocab, merges, specialTokens: ['<x>'] })).toThrow(
      /expected tokens of the vocabulary, got "<x>"/,
    );
    for (const [files, message] of [
      [null, 'files: expected an object with `vocab` and `merges`, got null'],
      [{ vocab, merges: null }, 'merges: expected the text of merges.txt, got null'],
      [{ vocab, merges: ['h e'] }, 'merges: expected the text of merges.txt, got Array'],
      [{ vocab, merges, specialTokens: 'he' }, 'specialTokens: expected a list of tokens, got "he"'],
    ] as const)
      expect(() => tokenizerFromGpt2(files as never)).toThrow(
        expect.objectContaining({ code: 'invalid_argument', message: `[gpt2] ${message}` }),
      );
  });
});
