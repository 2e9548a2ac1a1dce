/** What the split patterns of byte-level tokenizers ask of a character, as bits. */
export const letter = 1;
export const number = 2;
/** White_Space. */
export const space = 4;
/** Carriage return and line feed. */
export const newline = 8;
/** Upper case, title case, or without case (`\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}`). */
export const upper = 32;
/** Lower case, or without case (`\p{Ll}\p{Lm}\p{Lo}\p{M}`). */
export const lower = 64;
export const mark = 128;
const seen = 16;

/** Bits by code point, 0 where nobody has asked yet; filled by `classOf`. Pages never asked for take no memory. */
export const classes = new Uint8Array(0x110000);

const tests: readonly (readonly [RegExp, number])[] = [
  [/\p{L}/u, letter],
  [/\p{N}/u, number],
  [/[\p{White_Space}]/u, space],
  [/[\r\n]/, newline],
  [/[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]/u, upper],
  [/[\p{Ll}\p{Lm}\p{Lo}\p{M}]/u, lower],
  [/\p{M}/u, mark],
];

function classify(codePoint: number): number {
  const char = String.fromCodePoint(codePoint);
  let bits = seen;
  for (const [test, bit] of tests) if (test.test(char)) bits |= bit;
  classes[codePoint] = bits;
  return bits;
}

/** The bits of a code point. */
export function classOf(codePoint: number): number {
  const known = classes[codePoint] as number;
  return known !== 0 ? known : classify(codePoint);
}

for (let c = 0; c < 128; c++) classify(c);
