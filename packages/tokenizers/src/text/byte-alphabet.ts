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

/** The 256 characters in code-point order. */
export const byteAlphabet: readonly string[] = [...charOfByte].sort((a, b) => a.charCodeAt(0) - b.charCodeAt(0));

/** The character that stands for a byte. */
export function byteToChar(byte: number): string {
  return charOfByte[byte] as string;
}

/** The byte that a character stands for, or undefined. */
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
