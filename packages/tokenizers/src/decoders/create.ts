import { Reader, malformed } from '../config';
import { readPattern } from '../regex/read';
import { checkGrowth, mostUnits, replacedUnits } from '../text/growth';
import { unitsAt } from '../text/unicode';
import { byteFallbackDecoder, byteLevelDecoder } from './bytes';
import { type Decoder, type TokenStream, drain, waitingStream } from './decoder';

/** A decoder that looks at one token after another, told whether it is the first. */
function each(json: Record<string, unknown>, change: (token: string, first: boolean) => string): Decoder {
  const open = (): TokenStream => {
    let first = true;
    return {
      push(token) {
        const made = change(token, first);
        first = false;
        return [made];
      },
      end: () => [],
    };
  };
  const decode = (tokens: readonly string[]) => drain(open(), tokens);
  return {
    decode,
    stream: (whole) => (whole ? waitingStream(decode, true) : open()),
    joins: false,
    toJSON: () => json,
  };
}

/** `replaceAll` by characters: nothing stands before, between and behind them, never inside a pair of surrogates. */
function replaced(text: string, what: string, by: string): string {
  return what === '' ? by + Array.from(text, (char) => char + by).join('') : text.replaceAll(what, by);
}

/** BERT's tidying of spaces before punctuation and in contractions. */
function cleanUp(text: string): string {
  return text
    .replaceAll(' .', '.')
    .replaceAll(' ?', '?')
    .replaceAll(' !', '!')
    .replaceAll(' ,', ',')
    .replaceAll(" ' ", "'")
    .replaceAll(" n't", "n't")
    .replaceAll(" 'm", "'m")
    .replaceAll(' do not', " don't")
    .replaceAll(" 's", "'s")
    .replaceAll(" 've", "'ve")
    .replaceAll(" 're", "'re");
}

function wordPiece(prefix: string, cleanup: boolean): Decoder {
  return each({ type: 'WordPiece', prefix, cleanup }, (token, first) => {
    const spaced = first ? token : token.startsWith(prefix) ? token.slice(prefix.length) : ` ${token}`;
    return cleanup ? cleanUp(spaced) : spaced;
  });
}

function bpe(suffix: string): Decoder {
  const open = (): TokenStream => {
    let held: string | null = null;
    // The suffix of the last token is dropped, those before become spaces.
    return {
      push(token) {
        const out = held === null ? [] : [replaced(held, suffix, ' ')];
        held = token;
        return out;
      },
      end: () => (held === null ? [] : [replaced(held, suffix, '')]),
    };
  };
  const decode = (tokens: readonly string[]) => drain(open(), tokens);
  return {
    decode,
    stream: (whole) => (whole ? waitingStream(decode, true) : open()),
    joins: false,
    toJSON: () => ({ type: 'BPEDecoder', suffix }),
  };
}

function ctc(pad: string, delimiter: string, cleanup: boolean): Decoder {
  const open = (): TokenStream => {
    let last: string | null = null;
    return {
      push(token) {
        if (token === last) return [];
        last = token;
        let text = token.replaceAll(pad, '');
        if (cleanup) text = replaced(cleanUp(text), delimiter, ' ');
        return text === '' ? [] : [text];
      },
      end: () => [],
    };
  };
  const decode = (tokens: readonly string[]) => drain(open(), tokens);
  const json = { type: 'CTC', pad_token: pad, word_delimiter_token: delimiter, cleanup };
  return {
    decode,
    stream: (whole) => (whole ? waitingStream(decode, true) : open()),
    joins: false,
    toJSON: () => json,
  };
}

function fuse(): Decoder {
  return {
    decode: (tokens) => [tokens.join('')],
    stream: () => ({ push: (token) => [token], end: () => [] }),
    joins: true,
    toJSON: () => ({ type: 'Fuse' }),
  };
}

function replace(c: Reader): Decoder {
  const { pattern, toJSON } = readPattern(c.get('pattern'), c.at('pattern'));
  const content = c.string('content');
  const change = (token: string) => {
    // As in Hugging Face's library, nothing is sought in an empty token, even what would match there.
    if (token === '') return token;
    const matches = pattern.matches(token);
    checkGrowth(c.place, replacedUnits(token.length, matches, content), mostUnits(token.length));
    let text = '';
    let done = 0;
    for (let m = 0; m < matches.length; m += 2) {
      text += token.slice(done, matches[m]) + content;
      done = matches[m + 1] as number;
    }
    return text + token.slice(done);
  };
  const json = { type: 'Replace', pattern: toJSON(), content };
  const decoder = each(json, change);
  const literal = toJSON();
  const simple =
    typeof literal === 'object' && literal !== null && 'String' in literal && String(literal.String).length === 1;
  // A single character is replaced alike wherever a string is cut.
  return simple ? { ...decoder, stream: () => each(json, change).stream(false) } : decoder;
}

function strip(content: string, start: number, stop: number): Decoder {
  const change = (token: string) => {
    let from = 0;
    let to = token.length;
    const size = content.length;
    for (let k = 0; k < start && token.startsWith(content, from); k++) from += size;
    for (let k = 0; k < stop && to - size >= from && token.startsWith(content, to - size); k++) to -= size;
    return token.slice(from, to);
  };
  const json = { type: 'Strip', content, start, stop };
  const decoder = each(json, change);
  return {
    ...decoder,
    stream(whole) {
      if (!whole) return decoder.stream(false);
      if (stop > 0) return waitingStream(decoder.decode, true);
      let left = start;
      return {
        push(token) {
          let from = 0;
          while (left > 0 && token.startsWith(content, from)) {
            from += content.length;
            left--;
          }
          if (from < token.length) left = 0;
          return [token.slice(from)];
        },
        end: () => [],
      };
    },
  };
}

function unitsOf(tokens: readonly string[]): number {
  return tokens.reduce((n, token) => n + token.length, 0);
}

function sequence(given: readonly Decoder[], place: string): Decoder {
  const parts = given.flatMap((part) => part.parts ?? [part]);
  /** The tokens that a part made, if text of so many units may become them. */
  const held = (tokens: string[], units: number): string[] => {
    checkGrowth(place, unitsOf(tokens), mostUnits(units));
    return tokens;
  };
  return {
    parts,
    decode(tokens) {
      const units = unitsOf(tokens);
      return parts.reduce((t, part) => held(part.decode(t), units), [...tokens]);
    },
    stream(whole) {
      let joined = whole;
      const streams = parts.map((part) => {
        const stream = part.stream(joined);
        joined ||= part.joins;
        return stream;
      });
      let units = 0;
      const through = (tokens: string[], stream: TokenStream) => {
        const made = tokens.flatMap((token) => stream.push(token));
        return held(made, units);
      };
      return {
        push(token) {
          units += token.length;
          return streams.reduce(through, [token]);
        },
        end: () => streams.flatMap((stream, i) => streams.slice(i + 1).reduce(through, held(stream.end(), units))),
      };
    },
    joins: parts.some((part) => part.joins),
    toJSON: () => ({ type: 'Sequence', decoders: given.map((p) => p.toJSON()) }),
  };
}

function character(c: Reader, key: string, fallback: string): string {
  const value = c.string(key, fallback);
  if (value === '' || unitsAt(value, 0) !== value.length) throw malformed(c.at(key), 'one character', value);
  return value;
}

function metaspace(c: Reader): Decoder {
  const replacement = character(c, 'replacement', '▁');
  const scheme = c.oneOf(
    'prepend_scheme',
    ['always', 'first', 'never'],
    c.boolean('add_prefix_space', true) ? 'always' : 'never',
  );
  const json = { type: 'Metaspace', replacement, prepend_scheme: scheme, split: c.boolean('split', true) };
  return each(json, (token, first) => token.replaceAll(replacement, first && scheme !== 'never' ? '' : ' '));
}

const readers: Readonly<Record<string, (config: Reader) => Decoder>> = {
  BPEDecoder: (c) => bpe(c.string('suffix', '</w>')),
  ByteFallback: byteFallbackDecoder,
  ByteLevel: (c) =>
    byteLevelDecoder({
      type: 'ByteLevel',
      add_prefix_space: c.boolean('add_prefix_space', true),
      trim_offsets: c.boolean('trim_offsets', true),
      use_regex: c.boolean('use_regex', true),
    }),
  CTC: (c) => ctc(c.string('pad_token', '<pad>'), c.string('word_delimiter_token', '|'), c.boolean('cleanup', true)),
  Fuse: fuse,
  Metaspace: metaspace,
  Replace: replace,
  Sequence: (c) => sequence(c.components('decoders', read), c.place),
  Strip: (c) => strip(character(c, 'content', ' '), c.integer('start', 0), c.integer('stop', 0)),
  WordPiece: (c) => wordPiece(c.string('prefix', '##'), c.boolean('cleanup', true)),
};

function read(config: Reader): Decoder {
  return config.component(readers);
}

/**
 * A decoder from its component of a tokenizer.json: `BPEDecoder`, `ByteFallback`, `ByteLevel`, `CTC`, `Fuse`,
 * `Metaspace`, `Replace`, `Sequence`, `Strip` or `WordPiece`. Absent settings have the defaults of Hugging Face's
 * constructors.
 *
 * @param config The parsed component.
 * @param place What messages call it; default `decoder`.
 * @throws TokenizerError `unsupported` for an unknown type, `invalid_file` naming the malformed place. Its `decode`
 * throws `invalid_file` where it multiplies a text without measure, `step_limit` for a pattern without end.
 *
 * @example
 * ```ts
 * import { createDecoder } from '@tessera-llm/tokenizers';
 * console.log(createDecoder({ type: 'WordPiece' }).decode(['un', '##like', '##ly']).join('')); // 'unlikely'
 * ```
 */
export function createDecoder(config: unknown, place = 'decoder'): Decoder {
  return read(Reader.of(config, place));
}
