import type { AlignedText } from '../text/aligned-text';
import type { Edit } from '../text/edits';
import { isLater } from '../text/later';
import { isSpace } from '../text/unicode';
import type { Normalizer } from './normalizer';
import { normalizeForm } from './unicode-forms';

/** Settings of BERT's normaliser. */
export interface BertNormalizerOptions {
  /** Drop control characters, make all whitespace spaces. Default true. */
  readonly cleanText?: boolean;
  /** Put spaces around Chinese characters. Default true. */
  readonly handleChineseChars?: boolean;
  /** Decompose characters and drop their accents; default (or null): as `lowercase`. */
  readonly stripAccents?: boolean | null;
  /** Make letters small, each without regard to its neighbours. Default true. */
  readonly lowercase?: boolean;
}

const dropped = /^[\p{Cc}\p{Cf}\p{Co}\p{Cs}\0\ufffd]$/u;
const laterFormat = isLater('format');
const accent = /^[\p{Mn}\u1734\u{1171e}]$/u;
const laterAccent = isLater('nonspacing');

function isChinese(char: string): boolean {
  const c = char.codePointAt(0) as number;
  return (
    (c >= 0x4e00 && c <= 0x9fff) ||
    (c >= 0x3400 && c <= 0x4dbf) ||
    (c >= 0x20000 && c <= 0x2a6df) ||
    (c >= 0x2a700 && c <= 0x2b73f) ||
    (c >= 0x2b740 && c <= 0x2b81f) ||
    (c >= 0x2b920 && c <= 0x2ceaf) ||
    (c >= 0xf900 && c <= 0xfaff) ||
    (c >= 0x2f800 && c <= 0x2fa1f)
  );
}

const ascii = /^[\0-\x7f]*$/;

/** Lower case, character by character: no rule knows a character's neighbours. */
export function lowercase(text: AlignedText): AlignedText {
  if (ascii.test(text.text)) return text.respelled(text.text.toLowerCase());
  return text.flatMap((char) => char.toLowerCase());
}

/**
 * BERT's clean-up, as in its original tokenizer: control characters, Chinese ones, accents and case, in this order.
 *
 * @see Devlin et al. 2019, "BERT: pre-training of deep bidirectional transformers".
 *
 * @example
 * ```ts
 * import { bertNormalizer, normalizeText } from '@tessera-llm/tokenizers';
 * console.log(normalizeText(bertNormalizer(), 'Élan')); // 'elan'
 * console.log(normalizeText(bertNormalizer({ stripAccents: false }), 'Élan')); // 'élan'
 * ```
 */
export function bertNormalizer(options: BertNormalizerOptions = {}): Normalizer {
  const { cleanText = true, handleChineseChars = true, stripAccents = null, lowercase: lower = true } = options;
  return {
    normalize(text) {
      let out = text;
      if (cleanText) {
        out = out.flatMap((char) => {
          if (char >= ' ' && char <= '~') return char;
          if (char === '\t' || char === '\n' || char === '\r') return ' ';
          if (dropped.test(char) && !laterFormat(char)) return '';
          return isSpace(char) ? ' ' : char;
        });
      }
      if (handleChineseChars && /[\u3400-\u{2fa1f}]/u.test(out.text)) {
        const edits: Edit[] = [];
        let from = 0;
        for (const char of out.text) {
          const to = from + char.length;
          if (isChinese(char)) edits.push({ from, to, text: ` ${char} `, changes: [0, 1, 1] });
          from = to;
        }
        out = out.rewrite(edits);
      }
      if (stripAccents ?? lower)
        out = normalizeForm(out, 'NFD').filter((char) => char < '\u0300' || !accent.test(char) || laterAccent(char));
      return lower ? lowercase(out) : out;
    },
    toJSON: () => ({
      type: 'BertNormalizer',
      clean_text: cleanText,
      handle_chinese_chars: handleChineseChars,
      strip_accents: stripAccents,
      lowercase: lower,
    }),
  };
}
