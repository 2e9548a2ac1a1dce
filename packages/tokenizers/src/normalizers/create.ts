import { Reader, malformed } from '../config';
import { toByteChars } from '../text/byte-alphabet';
import { AlignedText } from '../text/aligned-text';
import { checkGrowth, mostUnits, replacedUnits } from '../text/growth';
import { readPattern } from '../regex/read';
import { isLater } from '../text/later';
import { isSpace } from '../text/unicode';
import { bertNormalizer, lowercase } from './bert';
import type { Normalizer } from './normalizer';
import { Precompiled } from './precompiled';
import { type UnicodeForm, normalizeForm } from './unicode-forms';

function form(name: UnicodeForm): Normalizer {
  return { normalize: (text) => normalizeForm(text, name), toJSON: () => ({ type: name }) };
}

function strip(left: boolean, right: boolean): Normalizer {
  return {
    normalize(text) {
      let from = 0;
      let to = text.length;
      while (left && from < to && isSpace(text.text[from] as string)) from++;
      while (right && to > from && isSpace(text.text[to - 1] as string)) to--;
      if (from === 0 && to === text.length) return text;
      return text.slice(from, to);
    },
    toJSON: () => ({ type: 'Strip', strip_left: left, strip_right: right }),
  };
}

const nmtDropped = /^[\x01-\x08\x0b\x0e-\x1f\x7f\x8f\x9f]$/;
const nmtSpaces = /^[\t\n\f\r\u1680\u200b-\u200f\u2028\u2029\u2581\ufeff\ufffd]$/;
const mark = /^[\p{M}\u1cf2\u1cf3]$/u;
const laterMark = isLater('marks');

function byteLevel(): Normalizer {
  return { normalize: (text) => text.spelled(toByteChars), toJSON: () => ({ type: 'ByteLevel' }) };
}

function sequence(given: readonly Normalizer[], place: string): Normalizer {
  const parts = given.flatMap((part) => part.parts ?? [part]);
  return {
    parts,
    normalize(text) {
      const most = mostUnits(text.length);
      return parts.reduce((t, part) => {
        const made = part.normalize(t);
        checkGrowth(place, made.length, most);
        return made;
      }, text);
    },
    toJSON: () => ({ type: 'Sequence', normalizers: given.map((p) => p.toJSON()) }),
  };
}

type Read = (config: Reader) => Normalizer;

const readers: Readonly<Record<string, Read>> = {
  NFC: () => form('NFC'),
  NFD: () => form('NFD'),
  NFKC: () => form('NFKC'),
  NFKD: () => form('NFKD'),
  Lowercase: () => ({ normalize: lowercase, toJSON: () => ({ type: 'Lowercase' }) }),
  StripAccents: () => ({
    normalize: (t) => t.filter((c) => !mark.test(c) || laterMark(c)),
    toJSON: () => ({ type: 'StripAccents' }),
  }),
  Strip: (c) => strip(c.boolean('strip_left', true), c.boolean('strip_right', true)),
  Nmt: () => ({
    normalize: (text) => text.flatMap((c) => (nmtDropped.test(c) ? '' : nmtSpaces.test(c) ? ' ' : c)),
    toJSON: () => ({ type: 'Nmt' }),
  }),
  Precompiled: (c) => new Precompiled(c.optionalString('precompiled_charsmap') ?? '', c.at('precompiled_charsmap')),
  Prepend: (c) => {
    const content = c.string('prepend');
    return { normalize: (text) => text.prepend(content), toJSON: () => ({ type: 'Prepend', prepend: content }) };
  },
  Replace: (c) => {
    const { pattern, toJSON } = readPattern(c.get('pattern'), c.at('pattern'));
    const content = c.string('content');
    return {
      normalize(text) {
        // As in Hugging Face's library, nothing is sought in an empty text, even what would match there.
        if (text.length === 0) return text;
        const matches = pattern.matches(text.text);
        checkGrowth(c.place, replacedUnits(text.length, matches, content), mostUnits(text.length));
        return text.replace(matches, content);
      },
      toJSON: () => ({ type: 'Replace', pattern: toJSON(), content }),
    };
  },
  ByteLevel: byteLevel,
  BertNormalizer: (c) => {
    const accents = c.get('strip_accents') ?? null;
    if (accents !== null && typeof accents !== 'boolean')
      throw malformed(c.at('strip_accents'), 'true, false or null', accents);
    return bertNormalizer({
      cleanText: c.boolean('clean_text', true),
      handleChineseChars: c.boolean('handle_chinese_chars', true),
      stripAccents: accents,
      lowercase: c.boolean('lowercase', true),
    });
  },
  Sequence: (c) => sequence(c.components('normalizers', read), c.place),
};

function read(config: Reader): Normalizer {
  return config.component(readers);
}

/**
 * A normaliser from its component of a tokenizer.json: `BertNormalizer`, `ByteLevel`, `Lowercase`, `NFC`, `NFD`,
 * `NFKC`, `NFKD`, `Nmt`, `Precompiled`, `Prepend`, `Replace`, `Sequence`, `Strip` or `StripAccents`. Absent settings
 * have the defaults of Hugging Face's constructors.
 *
 * @param config The parsed component.
 * @param place What messages call it; default `normalizer`.
 * @throws TokenizerError `unsupported` for an unknown type, `invalid_file` naming the malformed place. Its `normalize`
 * throws `invalid_file` where it multiplies a text without measure, `step_limit` for a pattern without end.
 *
 * @example
 * ```ts
 * import { createNormalizer, normalizeText } from '@tessera-llm/tokenizers';
 * console.log(normalizeText(createNormalizer({ type: 'BertNormalizer' }), 'Élan')); // 'elan'
 * ```
 */
export function createNormalizer(config: unknown, place = 'normalizer'): Normalizer {
  return read(Reader.of(config, place));
}

/**
 * The text that a normaliser makes, without the places that it came from.
 *
 * @throws TokenizerError as `normalize` of this normaliser (see `createNormalizer`).
 *
 * @example
 * ```ts
 * import { createNormalizer, normalizeText } from '@tessera-llm/tokenizers';
 * console.log(normalizeText(createNormalizer({ type: 'NFKC' }), 'ﬁne')); // 'fine'
 * ```
 */
export function normalizeText(normalizer: Normalizer, text: string): string {
  return normalizer.normalize(AlignedText.of(text)).text;
}
