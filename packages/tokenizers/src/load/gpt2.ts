import { readVocab, shown, wrongArgument } from '../config';
import { byteLevelDecoder } from '../decoders/bytes';
import { TokenizerError } from '../errors';
import { Bpe } from '../models/bpe';
import { byteLevel } from '../pre-tokenizers/byte-level';
import { createPostProcessor } from '../post-processors/create';
import { Tokenizer } from '../tokenizer';
import { checkObject } from '../arguments';

/** The two files of a GPT-2 tokenizer, and what they do not say. */
export interface Gpt2Files {
  /** The parsed vocab.json: token to id. */
  readonly vocab: unknown;
  /** The text of merges.txt. */
  readonly merges: string;
  /** Special tokens, which the vocabulary has; default `<|endoftext|>` if it has that. */
  readonly specialTokens?: readonly string[];
  /** Put a space before a text that begins with none. Default false. */
  readonly addPrefixSpace?: boolean;
}

/** Merges of a merges.txt: two tokens a line, `#version` at the top. */
function readMergesText(text: string): (readonly [string, string])[] {
  const merges: (readonly [string, string])[] = [];
  text.split(/\r?\n/).forEach((line, i) => {
    if (line === '' || line.startsWith('#version')) return;
    const [left, right, more] = line.split(' ');
    if (!left || !right || more !== undefined) {
      throw new TokenizerError(
        'invalid_file',
        `[gpt2] merges.txt, line ${i + 1}: expected two tokens, got ${JSON.stringify(line.slice(0, 60))}`,
      );
    }
    merges.push([left, right]);
  });
  return merges;
}

/**
 * The tokenizer of GPT-2's vocab.json and merges.txt: byte-level BPE with GPT-2's split.
 *
 * @throws TokenizerError `invalid_file` naming the place, also for special tokens that the vocabulary lacks;
 * `invalid_argument` for files of another type.
 * @see Radford et al. 2019, "Language models are unsupervised multitask learners".
 *
 * @example
 * ```ts
 * import { byteAlphabet, tokenizerFromGpt2 } from '@tessera-llm/tokenizers';
 * const tokens = [...byteAlphabet, 'lo', 'low', 'Ġlow'];
 * const vocab = Object.fromEntries(tokens.map((token, id) => [token, id]));
 * const tokenizer = tokenizerFromGpt2({ vocab, merges: '#version: 0.2\nl o\nlo w\nĠ low\n' });
 * console.log(tokenizer.encode('low low').tokens); // ['low', 'Ġlow']
 * ```
 */
export function tokenizerFromGpt2(files: Gpt2Files): Tokenizer {
  checkObject('gpt2', 'files', 'an object with `vocab` and `merges`', files);
  const { merges, specialTokens } = files;
  if (typeof merges !== 'string') throw wrongArgument('gpt2', 'merges', 'the text of merges.txt', merges);
  if (specialTokens !== undefined && !Array.isArray(specialTokens))
    throw wrongArgument('gpt2', 'specialTokens', 'a list of tokens', specialTokens);
  const vocab = readVocab(files.vocab, 'vocab');
  const special: readonly string[] = specialTokens ?? (vocab.has('<|endoftext|>') ? ['<|endoftext|>'] : []);
  const addedTokens = special.map((content) => {
    const id = vocab.get(content);
    if (id === undefined) {
      throw new TokenizerError(
        'invalid_file',
        `[gpt2] specialTokens: expected tokens of the vocabulary, got ${shown(content)}`,
      );
    }
    return { id, content, special: true };
  });
  const addPrefixSpace = files.addPrefixSpace ?? false;
  return new Tokenizer({
    addedTokens,
    preTokenizer: byteLevel({ addPrefixSpace }),
    model: new Bpe({ vocab, merges: readMergesText(merges) }),
    postProcessor: createPostProcessor({ type: 'ByteLevel', add_prefix_space: addPrefixSpace, trim_offsets: false }),
    decoder: byteLevelDecoder(),
  });
}
