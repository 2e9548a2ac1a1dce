import { wrongArgument } from '../config';

/**
 * GPT-2's byte alphabet: each of the 256 bytes has a visible character, so that a vocabulary of byte strings can be
 * written as text. Printable Latin-1 bytes stand for themselves, the others for U+0100 and on.
 *
 * @see Radford et al. 2019, "Language models are unsupervised multitask learners".
 */
function makeAlphabet(): { charOfByte: string[]; byteOfChar: Map<string, number> } {
  const printable = (b: number) => (b >= 33 && b <= 126) || (b >= 161 && b <= 172) || b >= 174;
  const charOfByte: string[] = [];
  let next = 256;
  for (let b = 0; b < 256; b++) charOfByte.push(String.fromCharCode(printable(b) ? b : next++));
  return { charOfByte, byteOfChar: new Map(charOfByte.map((c, b) => [c, b])) };
}

const { charOfByte, byteOfChar } = makeAlphabet();
const encoder = new TextEncoder();

/** The 256 characters of GPT-2's byte alphabet (see `byteToChar`) in code-point order. */
export const byteAlphabet: readonly string[] = [...charOfByte].sort((a, b) => a.charCodeAt(0) - b.charCodeAt(0));

/**
 * The character that stands for a byte, from 0 to 255, in GPT-2's byte alphabet: printable bytes of Latin-1 are
 * their own characters, the 68 others, in order, U+0100 to U+0143.
 *
 * @throws TokenizerError `invalid_argument` for what is no byte.
 *
 * @see Radford et al. 2019, "Language models are unsupervised multitask learners".
 *
 * @example
 * ```ts
 * import { byteToChar } from '@tessera-llm/tokenizers';
 * console.log(byteToChar(0x41), byteToChar(0x20)); // 'A' 'Ġ'
 * ```
 */
export function byteToChar(byte: number): string {
  const char = charOfByte[byte];
  if (char === undefined) throw wrongArgument('byteToChar', 'byte', 'a whole number from 0 to 255', byte);
  return char;
}

/**
 * The byte that a character of GPT-2's byte alphabet stands for (see `byteToChar`); undefined for any other text.
 *
 * @example
 * ```ts
 * import { charToByte } from '@tessera-llm/tokenizers';
 * console.log(charToByte('A'), charToByte('Ġ')); // 65 32
 * ```
 */
export function charToByte(char: string): number | undefined {
  return byteOfChar.get(char);
}

/** ASCII that stands for itself. */
const plain = /^[!-~]*$/;

/** A text's UTF-8 bytes in the alphabet. Lone surrogates become U+FFFD. */
export function toByteChars(text: string): string {
  if (plain.test(text)) return text;
  let out = '';
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) out += charOfByte[unit];
    else {
      // All that is not ASCII up to the next that is.
      let end = at + 1;
      while (end < text.length && text.charCodeAt(end) >= 0x80) end++;
      for (const byte of encoder.encode(text.slice(at, end))) out += charOfByte[byte];
      at = end - 1;
    }
  }
  return out;
}
