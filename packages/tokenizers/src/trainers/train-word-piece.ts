import { createDecoder } from '../decoders/create';
import { WordPiece } from '../models/word-piece';
import { bertNormalizer } from '../normalizers/bert';
import { createPreTokenizer } from '../pre-tokenizers/create';
import type { Tokenizer } from '../tokenizer';
import { type Texts, checkOptions, checkTexts, checkWhole } from './options';
import { trained } from './trained';
import { type TrainMergesOptions, trainMerges } from './train-bpe';

/** Settings of `trainWordPiece`; the names are those of Hugging Face's WordPieceTrainer. */
export interface TrainWordPieceOptions extends TrainMergesOptions {
  /** What stands for a word that can't be spelled; default `[UNK]`. */
  readonly unkToken?: string;
  /** Longer words are unknown; in characters, default 100. */
  readonly maxInputCharsPerWord?: number;
}

const bertTokens = ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'];

/**
 * Trains a WordPiece tokenizer as Hugging Face's library does: its vocabulary is what BPE makes of words whose
 * characters after the first are marked. The reference gives other ids on every run; this one always the same.
 *
 * @param options.continuingSubwordPrefix Default `##`.
 * @param options.specialTokens Default `[PAD]`, `[UNK]`, `[CLS]`, `[SEP]`, `[MASK]`; `unkToken` should be among them.
 * @param options.normalizer Default BERT's, uncased; null for none.
 * @param options.preTokenizer Default BERT's; null for none.
 * @throws TokenizerError as `trainBpe`.
 * @see Devlin et al. 2019, "BERT: pre-training of deep bidirectional transformers".
 *
 * @example
 * ```ts
 * import { trainWordPiece } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainWordPiece(['unable unlike unlikely'], { vocabSize: 30 });
 * console.log(tokenizer.decode(tokenizer.encodeIds('Unlikely'))); // 'unlikely'
 * ```
 */
export async function trainWordPiece(texts: Texts, options: TrainWordPieceOptions): Promise<Tokenizer> {
  checkOptions(options);
  const prefix = options.continuingSubwordPrefix ?? '##';
  const filled = {
    ...options,
    normalizer: options.normalizer === undefined ? bertNormalizer() : options.normalizer,
    preTokenizer:
      options.preTokenizer === undefined ? createPreTokenizer({ type: 'BertPreTokenizer' }) : options.preTokenizer,
    specialTokens: options.specialTokens ?? bertTokens,
    continuingSubwordPrefix: prefix,
  };
  const { unkToken = '[UNK]', maxInputCharsPerWord } = options;
  checkTexts('unkToken', [unkToken]);
  if (maxInputCharsPerWord !== undefined) checkWhole('maxInputCharsPerWord', maxInputCharsPerWord, 0, 2 ** 31);
  const merger = await trainMerges(texts, filled);
  const model = new WordPiece({
    vocab: merger.ids,
    unkToken,
    continuingSubwordPrefix: prefix,
    ...(maxInputCharsPerWord !== undefined && { maxInputCharsPerWord }),
  });
  return trained(model, filled, createDecoder({ type: 'WordPiece', prefix, cleanup: true }));
}
