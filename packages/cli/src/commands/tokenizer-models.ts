/** What the tokenizers of `tessera tokenizer train` are called. Alone in its file: the help needs no more. */
export const tokenizerModels = ['byte-bpe', 'bpe', 'wordpiece', 'unigram', 'wordlevel'] as const;

export type TokenizerModel = (typeof tokenizerModels)[number];
