import {
  type PostProcessor,
  type Texts,
  type Tokenizer,
  type TrainOptions,
  createPostProcessor,
  metaspace,
  template,
  trainBpe,
  trainUnigram,
  trainWordLevel,
  trainWordPiece,
} from '@tessera-llm/tokenizers';
import type { TextUnit } from './text-source';
import type { TokenizerModel } from './tokenizer-models';

/** Settings of a recipe beyond those that all trainers share. */
export interface RecipeOptions extends TrainOptions {
  readonly minFrequency?: number;
}

/** How a kind of tokenizer is trained here. */
export interface Recipe {
  /** What counts as one text. */
  readonly unit: TextUnit;
  readonly specialTokens: readonly string[];
  /** The special token that must be there. */
  readonly unkToken: string | null;
  train(texts: Texts, options: RecipeOptions): Promise<Tokenizer>;
  /** What the tokenizer puts around texts, given the special tokens it has. */
  around(tokenizer: Tokenizer, specialTokens: readonly string[]): PostProcessor | null;
}

/** Those of the tokens that the tokenizer has, with their ids. */
function known(tokenizer: Tokenizer, tokens: readonly string[]): { readonly token: string; readonly id: number }[] {
  return tokens.flatMap((token) => {
    const id = tokenizer.tokenToId(token);
    return id === undefined ? [] : [{ token, id }];
  });
}

/** Before and after each text; nothing where the tokenizer has none of the tokens. */
function between(tokenizer: Tokenizer, first: readonly string[], last: readonly string[]): PostProcessor | null {
  const before = known(tokenizer, first);
  const after = known(tokenizer, last);
  return before.length + after.length > 0 ? template({ before, after }) : null;
}

const sentencePieceTokens = ['<unk>', '<s>', '</s>'];

export const recipes: Readonly<Record<TokenizerModel, Recipe>> = {
  'byte-bpe': {
    unit: 'file',
    specialTokens: ['<|endoftext|>'],
    unkToken: null,
    train: trainBpe,
    around: (tokenizer, specialTokens) => between(tokenizer, specialTokens.slice(0, 1), []),
  },
  bpe: {
    unit: 'line',
    specialTokens: sentencePieceTokens,
    unkToken: '<unk>',
    train: (texts, options) =>
      trainBpe(texts, { ...options, preTokenizer: metaspace(), unkToken: '<unk>', fuseUnk: true }),
    around: (tokenizer) => between(tokenizer, ['<s>'], []),
  },
  wordpiece: {
    unit: 'line',
    specialTokens: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'],
    unkToken: '[UNK]',
    train: trainWordPiece,
    around: (tokenizer) => {
      const [cls, sep] = known(tokenizer, ['[CLS]', '[SEP]']);
      if (cls === undefined || sep === undefined) return null;
      return createPostProcessor({ type: 'BertProcessing', sep: [sep.token, sep.id], cls: [cls.token, cls.id] });
    },
  },
  unigram: {
    unit: 'line',
    specialTokens: sentencePieceTokens,
    unkToken: '<unk>',
    train: trainUnigram,
    around: (tokenizer) => between(tokenizer, ['<s>'], ['</s>']),
  },
  wordlevel: {
    unit: 'line',
    specialTokens: ['<unk>'],
    unkToken: '<unk>',
    train: trainWordLevel,
    around: () => null,
  },
};
