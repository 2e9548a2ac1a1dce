import { TokenizerError } from '../errors';
import { WordLevel } from '../models/word-level';
import { createPreTokenizer } from '../pre-tokenizers/create';
import type { Tokenizer } from '../tokenizer';
import { countWords } from './count-words';
import { Pace, type Texts, type TrainOptions, checkTexts, checkOptions, checkWhole, contentsOf } from './options';
import { trained } from './trained';
import { charsOf, textOf } from './word-counts';

/** Settings of `trainWordLevel`; the names are those of Hugging Face's WordLevelTrainer. */
export interface TrainWordLevelOptions extends TrainOptions {
  /** Words seen less often are left out; default 0. */
  readonly minFrequency?: number;
  /** What stands for every other word; default `<unk>`. */
  readonly unkToken?: string;
}

/**
 * Trains a tokenizer of whole words: the special tokens, then the most frequent words, ties in code-point order.
 *
 * @param options.normalizer Default none.
 * @param options.specialTokens Default the unknown token; `unkToken` should be among them.
 * @param options.preTokenizer Default Whitespace (words and runs of signs); null for none.
 * @throws TokenizerError `invalid_argument` for no text, settings out of range, or a vocabulary too small for the
 * special tokens; `invalid_text` for a lone surrogate; the signal's reason if it was aborted.
 *
 * @example
 * ```ts
 * import { trainWordLevel } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainWordLevel(['a rose is a rose'], { vocabSize: 10 });
 * console.log(tokenizer.encode('a lily is a rose').tokens); // ['a', '<unk>', 'is', 'a', 'rose']
 * ```
 */
export async function trainWordLevel(texts: Texts, options: TrainWordLevelOptions): Promise<Tokenizer> {
  checkOptions(options);
  const { vocabSize, minFrequency = 0, unkToken = '<unk>' } = options;
  checkWhole('minFrequency', minFrequency, 0, Number.MAX_SAFE_INTEGER);
  checkTexts('unkToken', [unkToken]);
  const filled = {
    ...options,
    preTokenizer:
      options.preTokenizer === undefined ? createPreTokenizer({ type: 'Whitespace' }) : options.preTokenizer,
    specialTokens: options.specialTokens ?? [unkToken],
  };
  const specialTokens = contentsOf(filled.specialTokens);
  if (specialTokens.length > vocabSize)
    throw new TokenizerError(
      'invalid_argument',
      `[train] vocabSize: expected at least ${specialTokens.length} for the special tokens, got ${vocabSize}`,
    );
  const counted = await countWords(texts, filled);
  const { chars, starts } = charsOf(counted);
  const { counts } = counted;
  const order = Array.from(counts.keys()).filter((w) => (counts[w] as number) >= minFrequency);
  order.sort((a, b) => (counts[b] as number) - (counts[a] as number) || compare(chars, starts, a, b));
  const vocab = new Map<string, number>();
  const add = (word: string) => {
    if (vocab.size < vocabSize && !vocab.has(word)) vocab.set(word, vocab.size);
  };
  specialTokens.forEach(add);
  for (const w of order) {
    if (vocab.size >= vocabSize) break;
    add(textOf(chars, starts[w] as number, starts[w + 1] as number));
  }
  new Pace(options).report('merging', vocab.size, vocabSize);
  return trained(new WordLevel({ vocab, unkToken }), filled);
}

/** Words by code points. */
function compare(chars: Int32Array, starts: Int32Array, a: number, b: number): number {
  const endA = starts[a + 1] as number;
  const endB = starts[b + 1] as number;
  let i = starts[a] as number;
  let j = starts[b] as number;
  while (i < endA && j < endB && chars[i] === chars[j]) {
    i++;
    j++;
  }
  if (i === endA || j === endB) return endA - i - (endB - j);
  return (chars[i] as number) - (chars[j] as number);
}
