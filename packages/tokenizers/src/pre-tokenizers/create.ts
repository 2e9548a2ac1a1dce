import { Reader, malformed } from '../config';
import { readPattern } from '../regex/read';
import { AlignedText } from '../text/aligned-text';
import { isLater } from '../text/later';
import { spaceSource, unitsAt } from '../text/unicode';
import { byteLevel } from './byte-level';
import { metaspace, prependSchemes } from './metaspace';
import type { PreTokenizer } from './pre-tokenizer';
import { sequence, splitBehaviors, splitBy, splitCharacters } from './split';
import { unicodeScripts } from './unicode-scripts';
import { whitespace } from './whitespace';

// ASCII punctuation that Unicode counts as symbols is punctuation too, and what was punctuation in Unicode 8.
const punctuation = '\\p{P}$+<=>^`|~\\u166d\\u{111c9}';
const laterPunctuation = isLater('punctuation');

function quoted(char: string): string {
  return `\\u{${(char.codePointAt(0) as number).toString(16)}}`;
}

function readMetaspace(c: Reader): PreTokenizer {
  const replacement = c.string('replacement', '▁');
  if (replacement === '' || unitsAt(replacement, 0) !== replacement.length)
    throw malformed(c.at('replacement'), 'one character', replacement);
  const prependScheme = c.oneOf(
    'prepend_scheme',
    prependSchemes,
    c.boolean('add_prefix_space', true) ? 'always' : 'never',
  );
  return metaspace({ replacement, prependScheme, split: c.boolean('split', true) });
}

function fixedLength(length: number): PreTokenizer {
  return {
    split(text) {
      const cuts = [0];
      let count = 0;
      for (let at = 0; at < text.length; at += unitsAt(text.text, at))
        if (count++ % length === 0 && at > 0) cuts.push(at);
      return text.length === 0 ? [] : cuts.map((from, i) => text.slice(from, cuts[i + 1] ?? text.length));
    },
    toJSON: () => ({ type: 'FixedLength', length }),
  };
}

const readers: Readonly<Record<string, (config: Reader) => PreTokenizer>> = {
  BertPreTokenizer: () => ({
    ...sequence([
      splitCharacters(spaceSource, 'Removed', {}),
      splitCharacters(punctuation, 'Isolated', {}, laterPunctuation),
    ]),
    toJSON: () => ({ type: 'BertPreTokenizer' }),
  }),
  ByteLevel: (c) =>
    byteLevel({
      addPrefixSpace: c.boolean('add_prefix_space', true),
      trimOffsets: c.boolean('trim_offsets', true),
      useRegex: c.boolean('use_regex', true),
    }),
  CharDelimiterSplit: (c) => {
    const delimiter = c.string('delimiter');
    if (delimiter === '' || unitsAt(delimiter, 0) !== delimiter.length)
      throw malformed(c.at('delimiter'), 'one character', delimiter);
    return splitCharacters(quoted(delimiter), 'Removed', { type: 'CharDelimiterSplit', delimiter });
  },
  Digits: (c) => {
    const single = c.boolean('individual_digits', false);
    return splitCharacters('\\p{N}', single ? 'Isolated' : 'Contiguous', { type: 'Digits', individual_digits: single });
  },
  FixedLength: (c) => fixedLength(c.integer('length', 5, 1)),
  Metaspace: readMetaspace,
  Punctuation: (c) => {
    const behavior = c.oneOf('behavior', splitBehaviors, 'Isolated');
    return splitCharacters(punctuation, behavior, { type: 'Punctuation', behavior }, laterPunctuation);
  },
  Sequence: (c) => sequence(c.components('pretokenizers', read)),
  Split: (c) => {
    const { pattern, toJSON } = readPattern(c.get('pattern'), c.at('pattern'));
    return splitBy(pattern, toJSON, {
      behavior: c.oneOf('behavior', splitBehaviors),
      invert: c.boolean('invert', false),
    });
  },
  UnicodeScripts: unicodeScripts,
  Whitespace: whitespace,
  WhitespaceSplit: () => splitCharacters(spaceSource, 'Removed', { type: 'WhitespaceSplit' }),
};

function read(config: Reader): PreTokenizer {
  return config.component(readers);
}

/**
 * A pre-tokenizer from its component of a tokenizer.json: `BertPreTokenizer`, `ByteLevel`, `CharDelimiterSplit`,
 * `Digits`, `FixedLength`, `Metaspace`, `Punctuation`, `Sequence`, `Split`, `UnicodeScripts`, `Whitespace` or
 * `WhitespaceSplit`. Absent settings have the defaults of Hugging Face's constructors.
 *
 * @param config The parsed component.
 * @param place What messages call it; default `pre_tokenizer`.
 * @throws TokenizerError `unsupported` for an unknown type, `invalid_file` naming the malformed place. Its `split`
 * throws `invalid_file` where it multiplies a text without measure, `step_limit` for a pattern without end.
 *
 * @example
 * ```ts
 * import { createPreTokenizer, splitText } from '@tessera-llm/tokenizers';
 * console.log(splitText(createPreTokenizer({ type: 'Digits', individual_digits: true }), 'a12'));
 * // [{ text: 'a', start: 0, end: 1 }, { text: '1', start: 1, end: 2 }, { text: '2', start: 2, end: 3 }]
 * ```
 */
export function createPreTokenizer(config: unknown, place = 'pre_tokenizer'): PreTokenizer {
  return read(Reader.of(config, place));
}

/** A piece of a text, and the stretch [start, end) that it came from, in UTF-16 units. */
export interface TextPiece {
  /** As the pre-tokenizer spells it. */
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

/**
 * The pieces that a pre-tokenizer makes of a text.
 *
 * @throws TokenizerError as `split` of this pre-tokenizer (see `createPreTokenizer`).
 *
 * @example
 * ```ts
 * import { createPreTokenizer, splitText } from '@tessera-llm/tokenizers';
 * const pieces = splitText(createPreTokenizer({ type: 'Whitespace' }), 'Hi, you');
 * console.log(pieces.map(({ text }) => text)); // ['Hi', ',', 'you']
 * console.log(pieces.map(({ start, end }) => [start, end])); // [[0, 2], [2, 3], [4, 7]]
 * ```
 */
export function splitText(preTokenizer: PreTokenizer, text: string): TextPiece[] {
  return preTokenizer.split(AlignedText.of(text)).map((piece) => {
    const [start, end] = piece.range(0, piece.length);
    return { text: piece.text, start, end };
  });
}
