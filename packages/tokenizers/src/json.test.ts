import { describe, expect, it } from 'vitest';
import { Tokenizer, TokenizerError } from './index';

const word = { type: 'WordLevel', unk_token: '?', vocab: { '?': 0, a: 1 } };
const token = (id: number, content: string) => ({ id, content, special: true, normalized: false });

describe('tokenizer.json', () => {
  it('is written as it was read', () => {
    const json = {
      version: '1.0',
      truncation: { direction: 'Right', max_length: 5, strategy: 'LongestFirst', stride: 0 },
      padding: {
        strategy: 'BatchLongest',
        direction: 'Right',
        pad_to_multiple_of: null,
        pad_id: 0,
        pad_type_id: 0,
        pad_token: '?',
      },
      added_tokens: [{ ...token(2, '<s>'), single_word: false, lstrip: false, rstrip: false }],
      normalizer: { type: 'NFC' },
      pre_tokenizer: { type: 'WhitespaceSplit' },
      post_processor: { type: 'BertProcessing', sep: ['<s>', 2], cls: ['<s>', 2] },
      decoder: { type: 'Fuse' },
      model: word,
    };
    expect(Tokenizer.fromJSON(json).toJSON()).toEqual(json);
  });

  it("keeps ids that Hugging Face's library would change, by taking the tokens into the vocabulary", () => {
    const tokenizer = new Tokenizer({
      ...Tokenizer.fromJSON({ model: word }).parts,
      addedTokens: [{ id: 9, content: '<s>', special: true }],
    });
    const json = tokenizer.toJSON();
    expect((json.model as { vocab: unknown }).vocab).toEqual({ '?': 0, a: 1, '<s>': 9 });
    expect(Tokenizer.fromJSON(json).tokenToId('<s>')).toBe(9);
    // Where nothing would change, nothing is added.
    const next = new Tokenizer({ ...tokenizer.parts, addedTokens: [{ id: 2, content: '<s>', special: true }] });
    expect((next.toJSON().model as { vocab: unknown }).vocab).toEqual({ '?': 0, a: 1 });
  });

  it('refuses ids that the file could not say', () => {
    const model = {
      type: 'Unigram',
      vocab: [
        ['<unk>', 0],
        ['a', -1],
      ],
      unk_id: 0,
    };
    const { parts } = Tokenizer.fromJSON({ model });
    const saved = (id: number) => () => new Tokenizer({ ...parts, addedTokens: [{ id, content: '<s>' }] }).toJSON();
    expect(saved(2)).not.toThrow();
    expect(saved(5)).toThrow(/\[toJSON\].*got 5 for '<s>'/);
  });

  it('names the place of what is malformed', () => {
    const read = (more: object) => () => Tokenizer.fromJSON({ model: word, ...more });
    for (const [run, message] of [
      [() => Tokenizer.fromJSON(null), /tokenizer\.json: expected an object, got null/],
      [() => Tokenizer.fromJSON('{}'), /tokenizer\.json: expected an object/],
      [() => Tokenizer.fromJSON({}), /model: expected an object/],
      [read({ normalizer: { type: 'X' } }), /normalizer\.type/],
      [read({ pre_tokenizer: 'Whitespace' }), /pre_tokenizer: expected an object/],
      [read({ decoder: {} }), /decoder\.type: expected a string/],
      [read({ post_processor: { type: 'X' } }), /post_processor\.type/],
      [read({ added_tokens: [token(1, 'x'), token(1, 'y')] }), /added_tokens\[1\]\.id/],
      [read({ truncation: 3 }), /truncation: expected an object/],
      [read({ padding: { direction: 'Up' } }), /padding\.direction/],
      [read({ model: { type: 'BPE', vocab: { a: 0 }, merges: [['a', 'b']] } }), /model\.merges\[0\]/],
    ] as const) {
      expect(run).toThrow(message);
      expect(run).toThrow(TokenizerError);
    }
  });
});
