import { maxId, shown, wrongArgument } from '../config';
import { byteLevelDecoder } from '../decoders/bytes';
import { TokenizerError } from '../errors';
import { Bpe } from '../models/bpe';
import { byteLevel } from '../pre-tokenizers/byte-level';
import { sequence, splitPattern } from '../pre-tokenizers/split';
import { byteToChar } from '../text/byte-alphabet';
import { Tokenizer } from '../tokenizer';
import { bytesOf, checkObject } from '../arguments';

/** How a published encoding splits text, and its special tokens. */
export interface TiktokenEncoding {
  /** The split pattern, in Rust's syntax. */
  readonly pattern: string;
  /** Special tokens with their ids; default none. */
  readonly specialTokens?: Readonly<Record<string, number>>;
}

function failed(place: string, expected: string, got: unknown): TokenizerError {
  return new TokenizerError('invalid_file', `[tiktoken] ${place}: expected ${expected}, got ${shown(got)}`);
}

/** Tokens of a rank file in the byte alphabet, with their ranks. */
function readRanks(file: string): Map<string, number> {
  const ranks = new Map<string, number>();
  const lineOf = new Map<number, number>();
  file.split('\n').forEach((raw, i) => {
    const line = raw.trim();
    if (line === '') return;
    const place = `line ${i + 1}`;
    const [, encoded, number] = /^([A-Za-z0-9+/]+={0,2})[ \t]+(\d+)$/.exec(line) ?? [];
    const rank = Number(number);
    if (encoded === undefined || rank > maxId) throw failed(place, 'a token in base64 and its rank', line.slice(0, 60));
    let bytes: string;
    try {
      bytes = atob(encoded);
    } catch {
      throw failed(place, 'base64', encoded.slice(0, 60));
    }
    let token = '';
    for (let k = 0; k < bytes.length; k++) token += byteToChar(bytes.charCodeAt(k));
    if (ranks.has(token)) throw failed(place, 'each token once', encoded);
    const other = lineOf.get(rank);
    if (other !== undefined) throw failed(place, `another rank than line ${other}`, rank);
    lineOf.set(rank, i + 1);
    ranks.set(token, rank);
  });
  for (let b = 0; b < 256; b++) {
    if (!ranks.has(byteToChar(b)))
      throw failed('the file', 'all 256 bytes', `none for 0x${b.toString(16).padStart(2, '0')}`);
  }
  return ranks;
}

/** Every way to make a token of two others; its rank is the token's. */
function mergesOf(ranks: ReadonlyMap<string, number>): { merges: (readonly [string, string])[]; order: Int32Array } {
  const merges: (readonly [string, string])[] = [];
  const order: number[] = [];
  for (const [token, rank] of [...ranks].sort((a, b) => a[1] - b[1])) {
    const first = merges.length;
    const pairs: { readonly pair: readonly [string, string]; readonly left: number }[] = [];
    for (let at = 1; at < token.length; at++) {
      const left = ranks.get(token.slice(0, at));
      if (left !== undefined && ranks.has(token.slice(at)))
        pairs.push({ pair: [token.slice(0, at), token.slice(at)], left });
    }
    pairs.sort((a, b) => a.left - b.left);
    for (const { pair } of pairs) merges.push(pair);
    for (let k = first; k < merges.length; k++) order.push(rank);
  }
  return { merges, order: Int32Array.from(order) };
}

/**
 * The tokenizer of a tiktoken rank file (a token in base64 and its rank, one a line): tiktoken's ids. `encode` with
 * `allowedSpecial: 'none'` is its `encode_ordinary`, a list of tokens its `allowed_special`; `disallowedSpecial: 'all'`
 * throws as tiktoken does by default. `toJSON` writes merges as Hugging Face's converter does.
 *
 * @param file The file's text, or its bytes.
 * @throws TokenizerError `invalid_file` naming the line, or for special tokens whose ids are taken; `invalid_argument`
 * for arguments of another type.
 *
 * @example
 * ```ts
 * import { tokenizerFromTiktoken } from '@tessera-llm/tokenizers';
 * const bytes = Array.from({ length: 256 }, (_, b) => `${btoa(String.fromCharCode(b))} ${b}`);
 * const tokenizer = tokenizerFromTiktoken([...bytes, `${btoa('hi')} 256`].join('\n'), {
 *   pattern: '\\p{L}+|\\P{L}',
 *   specialTokens: { '<|endoftext|>': 257 },
 * });
 * console.log(tokenizer.encodeIds('hi!<|endoftext|>')); // [256, 33, 257]
 * ```
 */
export function tokenizerFromTiktoken(file: string | Uint8Array | ArrayBuffer, encoding: TiktokenEncoding): Tokenizer {
  const expected = 'the text of a rank file, or its bytes';
  const text = typeof file === 'string' ? file : new TextDecoder().decode(bytesOf('tiktoken', expected, file));
  checkObject('tiktoken', 'encoding', 'an object with a `pattern`, such as tiktokenEncodings.o200k_base', encoding);
  if (typeof encoding.pattern !== 'string')
    throw wrongArgument('tiktoken', 'encoding.pattern', 'a pattern as text', encoding.pattern);
  const ranks = readRanks(text);
  const taken = new Set(ranks.values());
  const addedTokens = Object.entries(encoding.specialTokens ?? {}).map(([content, id]) => {
    if (!Number.isInteger(id) || id < 0 || taken.has(id))
      throw failed(`specialTokens[${JSON.stringify(content)}]`, 'an id of its own', id);
    taken.add(id);
    return { id, content, special: true };
  });
  const { merges, order } = mergesOf(ranks);
  return new Tokenizer({
    addedTokens,
    preTokenizer: sequence([
      // What the pattern does not match is dropped, as in tiktoken.
      splitPattern(encoding.pattern, { dialect: 'rust', behavior: 'Removed', invert: true }),
      byteLevel({ useRegex: false }),
    ]),
    model: new Bpe({ vocab: ranks, merges, ranks: order, ignoreMerges: true }),
    decoder: byteLevelDecoder(),
  });
}

const endOfText = '<|endoftext|>';
const fim = { '<|fim_prefix|>': 100258, '<|fim_middle|>': 100259, '<|fim_suffix|>': 100260 };
const gpt2 = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s";
const capitals = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const smalls = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
const sign = '[^\\r\\n\\p{L}\\p{N}]?';
const short = "(?i:'s|'t|'re|'ve|'m|'ll|'d)?";
const o200k = `${sign}${capitals}*${smalls}+${short}|${sign}${capitals}+${smalls}*${short}|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+`;

const ofO200k = { [endOfText]: 199999, '<|endofprompt|>': 200018 };
/** Of gpt-oss: turns and channels, in order from 199998 on, and names up to 201087 for what may come. */
const harmony: Readonly<Record<string, number>> = {
  '<|startoftext|>': 199998,
  ...ofO200k,
  '<|return|>': 200002,
  '<|constrain|>': 200003,
  '<|channel|>': 200005,
  '<|start|>': 200006,
  '<|end|>': 200007,
  '<|message|>': 200008,
  '<|call|>': 200012,
};

function withReserved(tokens: Readonly<Record<string, number>>): Readonly<Record<string, number>> {
  const taken = new Set(Object.values(tokens));
  const all: Record<string, number> = { ...tokens };
  // One by one: a spread or fromEntries of that many names takes milliseconds.
  for (let id = 200000; id < 201088; id++) if (!taken.has(id)) all[`<|reserved_${id}|>`] = id;
  return all;
}

/**
 * OpenAI's published encodings, for the rank files of their names. `p50k_edit` has the ranks of p50k_base, `o200k_harmony`
 * those of o200k_base.
 *
 * @example
 * ```ts
 * import { tiktokenEncodings } from '@tessera-llm/tokenizers';
 * console.log(tiktokenEncodings.cl100k_base.specialTokens['<|endoftext|>']); // 100257
 * ```
 */
export const tiktokenEncodings = {
  r50k_base: { pattern: gpt2, specialTokens: { [endOfText]: 50256 } },
  p50k_base: { pattern: gpt2, specialTokens: { [endOfText]: 50256 } },
  p50k_edit: {
    pattern: gpt2,
    specialTokens: { [endOfText]: 50256, '<|fim_prefix|>': 50281, '<|fim_middle|>': 50282, '<|fim_suffix|>': 50283 },
  },
  cl100k_base: {
    pattern:
      "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}+| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
    specialTokens: { [endOfText]: 100257, ...fim, '<|endofprompt|>': 100276 },
  },
  o200k_base: { pattern: o200k, specialTokens: ofO200k },
  o200k_harmony: { pattern: o200k, specialTokens: withReserved(harmony) },
} as const satisfies Readonly<Record<string, TiktokenEncoding>>;
