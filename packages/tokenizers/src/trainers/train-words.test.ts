import { describe, expect, it } from 'vitest';
import {
  type Tokenizer,
  bertNormalizer,
  createNormalizer,
  createPreTokenizer,
  trainWordLevel,
  trainWordPiece,
} from '../index';

const texts = [
  'The cat sat on the mat; the cat ate the rat.',
  'A rat, a cat and a bat: that is that!',
  'Élan vital — l’élan, 狐狸 and 狐 🦊🦊, 12 of 123.',
  'the the the cat cat dog Dog',
];
const vocabOf = (t: Tokenizer) => Array.from({ length: t.vocabSize }, (_, id) => t.idToToken(id) as string);

describe('trainWordLevel', () => {
  it('gives what Hugging Face’s trainer gives', async () => {
    const plain = await trainWordLevel(texts, { vocabSize: 14, specialTokens: ['<unk>', '[X]'] });
    expect(vocabOf(plain)).toEqual('<unk> [X] the cat , . a and rat that ! 12 123 :'.split(' '));
    const bert = await trainWordLevel(texts, {
      vocabSize: 100,
      minFrequency: 2,
      specialTokens: [],
      normalizer: bertNormalizer(),
      preTokenizer: createPreTokenizer({ type: 'BertPreTokenizer' }),
    });
    expect(vocabOf(bert)).toEqual('the cat , a . and dog elan rat that 狐'.split(' '));
  });

  it('sorts words of one count by code points, not by code units', async () => {
    const trained = await trainWordLevel(['ﬀ 🦊 a ab'], {
      vocabSize: 9,
      preTokenizer: createPreTokenizer({ type: 'WhitespaceSplit' }),
    });
    expect(vocabOf(trained)).toEqual(['<unk>', 'a', 'ab', 'ﬀ', '🦊']);
  });

  it('looks at places before normalisation where the pre-tokenizer does, as the reference', async () => {
    const first = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: true };
    const scripts = { type: 'Sequence', pretokenizers: [{ type: 'UnicodeScripts' }, first] };
    const train = async (normalizer: unknown, preTokenizer: unknown) =>
      vocabOf(
        await trainWordLevel([' ab ʼn', 'ʼnb', 'ŉ'], {
          vocabSize: 30,
          specialTokens: [],
          normalizer: createNormalizer(normalizer),
          preTokenizer: createPreTokenizer(preTokenizer),
        }),
      );
    expect(await train({ type: 'Strip' }, first)).toEqual('ab ▁ŉ ▁ʼn ▁ʼnb'.split(' '));
    const dropped = { type: 'Replace', pattern: { String: 'ʼ' }, content: '' };
    expect(await train(dropped, { ...first, split: false })).toEqual('nb ▁ab▁n ▁ŉ'.split(' '));
    expect(await train({ type: 'NFKC' }, scripts)).toEqual('▁ʼ ab n nb ʼ ▁ ▁n'.split(' '));
  });

  it('gives a word that is a special token no second id', async () => {
    const trained = await trainWordLevel(['a a b'], { vocabSize: 9, specialTokens: ['b'] });
    expect(vocabOf(trained)).toEqual(['b', 'a']);
  });

  it('refuses more special tokens than entries', async () => {
    await expect(trainWordLevel(texts, { vocabSize: 1, specialTokens: ['a', 'b'] })).rejects.toThrow('at least 2');
  });
});

describe('trainWordPiece', () => {
  it('makes a ready tokenizer, BERT’s unless told otherwise', async () => {
    const trained = await trainWordPiece(texts, { vocabSize: 90 });
    expect(vocabOf(trained).slice(0, 5)).toEqual(['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]']);
    expect(trained.encode('THAT cat, Élan').tokens).toEqual(['that', 'cat', ',', 'elan']);
    expect(trained.decode(trained.encodeIds('THAT cat, Élan'))).toBe('that cat, elan');
    expect(trained.encode('xyz').tokens).toEqual(['[UNK]']);
    expect(vocabOf(trained).some((token) => token.startsWith('##'))).toBe(true);
  });

  it('does not depend on the order of the texts', async () => {
    const there = await trainWordPiece(texts, { vocabSize: 90 });
    const back = await trainWordPiece([...texts].reverse(), { vocabSize: 90 });
    expect(back.toJSON()).toEqual(there.toJSON());
  });
});
