import { TokenizerError } from '../errors';
import { Unigram } from '../models/unigram';
import { createNormalizer } from '../normalizers/create';
import { metaspace } from '../pre-tokenizers/metaspace';
import type { Tokenizer } from '../tokenizer';
import { countWords } from './count-words';
import type { Pieces } from './lattice';
import {
  Pace,
  type Texts,
  type TrainOptions,
  checkTexts,
  checkOptions,
  checkWhole,
  contentsOf,
  wrong,
} from './options';
import { type Seeds, seedPieces } from './seed-pieces';
import { trained } from './trained';
import { type Sentences, improve, prune } from './unigram-steps';
import { type WordCounts, charsOf, textOf } from './word-counts';

/** Settings of `trainUnigram`; the names are those of Hugging Face's UnigramTrainer. */
export interface TrainUnigramOptions extends TrainOptions {
  /** Share of the pieces that each pruning leaves, between 0 and 1; default 0.75. */
  readonly shrinkingFactor?: number;
  /** Most characters of a piece, up to 1000; default 16. */
  readonly maxPieceLength?: number;
  /** Rounds of expectation and maximisation before each pruning; default 2. */
  readonly nSubIterations?: number;
  /** Most pieces to begin with; default 1,000,000. */
  readonly seedSize?: number;
  /** Characters that become pieces whether seen or not; of longer texts the first character. Default none. */
  readonly initialAlphabet?: readonly string[];
  /**
   * What stands for unknown characters; it gets id 0 if it is not among the special tokens. Default `<unk>` (the
   * reference's is none, which makes unknown characters an error); null for none.
   */
  readonly unkToken?: string | null;
}

/** Characters that must be pieces and are none get the least score and this much more, one after the other. */
const penaltyStep = 0.0001;
/**
 * Digits of a score. Hugging Face's library reads longer numbers of a tokenizer.json with an error in the last bit, and
 * between cuts that score the same it would then choose others than the tokenizer that was saved.
 */
const savedDigits = 15;

/**
 * Trains a Unigram tokenizer: from many substrings of the words down to `vocabSize`, by rounds of
 * expectation-maximisation and of dropping the pieces that the likelihood Σ count(word) log Σ_cuts Π p(piece) needs
 * least. Deterministic; Hugging Face's trainer gives about the same pieces and scores, which vary there from run to
 * run.
 *
 * @param options.specialTokens Default the unknown token.
 * @param options.normalizer Default NFKC; null for none.
 * @param options.preTokenizer Default `metaspace()`; null for none.
 * @throws TokenizerError `invalid_argument` for no text, settings out of range, or a vocabulary too small for all
 * characters; `invalid_text` for a lone surrogate; the signal's reason if it was aborted.
 * @see Kudo 2018, "Subword regularization".
 *
 * @example
 * ```ts
 * import { trainUnigram } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainUnigram(['low lower lowest', 'new newer newest'], { vocabSize: 16 });
 * console.log(tokenizer.decode(tokenizer.encodeIds('newest low'))); // 'newest low'
 * ```
 */
export async function trainUnigram(texts: Texts, options: TrainUnigramOptions): Promise<Tokenizer> {
  checkOptions(options);
  const { vocabSize, shrinkingFactor = 0.75, maxPieceLength = 16, nSubIterations = 2, seedSize = 1_000_000 } = options;
  checkWhole('maxPieceLength', maxPieceLength, 1, 1000);
  checkWhole('nSubIterations', nSubIterations, 1, 1000);
  checkWhole('seedSize', seedSize, 1, 2 ** 24);
  if (typeof shrinkingFactor !== 'number' || !(shrinkingFactor > 0 && shrinkingFactor < 1))
    throw wrong('shrinkingFactor', 'a number between 0 and 1', shrinkingFactor);
  const unkToken = options.unkToken === undefined ? '<unk>' : options.unkToken;
  checkTexts('unkToken', [unkToken ?? '']);
  checkTexts('initialAlphabet', options.initialAlphabet ?? []);
  const filled = {
    ...options,
    normalizer: options.normalizer === undefined ? createNormalizer({ type: 'NFKC' }) : options.normalizer,
    preTokenizer: options.preTokenizer === undefined ? metaspace() : options.preTokenizer,
    specialTokens: options.specialTokens ?? (unkToken === null ? [] : [unkToken]),
  };
  const reserved = contentsOf(filled.specialTokens);
  if (unkToken !== null && !reserved.includes(unkToken)) reserved.unshift(unkToken);

  const counted = await countWords(texts, filled);
  const { sentences, alphabet } = ranked(counted);
  const required = new Set(sentences.chars.includes(0) ? alphabet : alphabet.slice(1));
  for (const text of options.initialAlphabet ?? []) required.add([...text][0] ?? '');
  required.delete('');
  if (required.size + reserved.length > vocabSize)
    throw new TokenizerError(
      'invalid_argument',
      `[train] vocabSize: expected at least ${required.size + reserved.length} for all characters and the special tokens, got ${vocabSize}`,
    );

  const pace = new Pace(options);
  await pace.rest('seeding', 0, null);
  const limits = { ranks: alphabet.length, longest: maxPieceLength, most: seedSize };
  const seeds = await seedPieces(sentences, sentences.counts, limits, pace);
  let pieces = withUnknown(seeds);
  const desired = Math.floor((vocabSize * 11) / 10);
  for (;;) {
    for (let i = 0; i < nSubIterations; i++) pieces = await improve(pieces, sentences, pace);
    const count = pieces.length.length;
    if (count <= desired) break;
    pieces = await prune(pieces, sentences, Math.max(desired, Math.floor(count * shrinkingFactor)), pace);
    if (pieces.length.length === count) break;
  }
  const text = (rank: number) => alphabet[rank] as string;
  const spelled = Array.from(pieces.length, (length, i): [string, number] => {
    const from = pieces.from[i] as number;
    return [Array.from(sentences.chars.subarray(from, from + length), text).join(''), pieces.score[i] as number];
  }).slice(1);
  const chosen = choose(spelled, required, vocabSize - reserved.length);
  pace.report('pruning', reserved.length + chosen.length, vocabSize);
  const model = new Unigram({
    pieces: [
      ...reserved.map((token): [string, number] => [token, 0]),
      ...chosen.map(([piece, score]): [string, number] => [piece, Number(score.toPrecision(savedDigits))]),
    ],
    unkId: unkToken === null ? null : reserved.indexOf(unkToken),
  });
  return trained(model, filled);
}

/**
 * Words with each character as its place in the alphabet, which begins with U+0000. Its rank 0 ends words: as in the
 * reference, no longer piece has it.
 */
function ranked(counted: WordCounts): { readonly sentences: Sentences; readonly alphabet: string[] } {
  const { chars, starts } = charsOf(counted);
  const codePoints = Int32Array.from(new Set(chars).add(0)).sort();
  const rankOf = new Map(Array.from(codePoints, (c, i) => [c, i]));
  for (let i = 0; i < chars.length; i++) chars[i] = rankOf.get(chars[i] as number) as number;
  return {
    sentences: { chars, starts, counts: counted.counts },
    alphabet: Array.from(codePoints, (_, i) => textOf(codePoints, i, i + 1)),
  };
}

/** Seeds as pieces with log-probabilities, the unknown one before them. */
function withUnknown({ from, length, score }: Seeds): Pieces {
  const all = Math.log(score.reduce((a, b) => a + b, 0));
  return {
    from: Int32Array.from([0, ...from]),
    length: Int32Array.from([0, ...length]),
    score: Float64Array.from([0, ...score.map((s) => Math.log(s) - all)]),
  };
}

/** All characters, then pieces in their order while there is room; by falling score. */
function choose(
  pieces: readonly (readonly [string, number])[],
  required: ReadonlySet<string>,
  room: number,
): (readonly [string, number])[] {
  const scores = new Map(pieces);
  const least = pieces.reduce((min, [, score]) => Math.min(min, score), 0);
  let absent = 0;
  const chosen = [...required].sort(byCodePoint).map((char): readonly [string, number] => {
    return [char, scores.get(char) ?? least + penaltyStep * absent++];
  });
  for (const piece of pieces) {
    if (chosen.length >= room) break;
    if (!required.has(piece[0])) chosen.push(piece);
  }
  return chosen.sort((a, b) => b[1] - a[1]);
}

function byCodePoint(a: string, b: string): number {
  return (a.codePointAt(0) as number) - (b.codePointAt(0) as number);
}
