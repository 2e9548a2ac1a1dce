import { isRecord } from '../config';
import { patterns } from '../fast/scanners';

/** A component of tokenizer.json. */
type Component = Readonly<Record<string, unknown>>;

/** What the name of a pre-tokenizer in a GGUF file stands for. */
export interface NamedPreTokenizer {
  /** Components in order; without `raw`, the last one writes bytes in the byte alphabet. */
  readonly steps: readonly Component[];
  /** Tokens are text, not bytes: spaces are `▁`. */
  readonly raw?: boolean;
  readonly ignoreMerges?: boolean;
  /** The published tokenizer composes characters first. */
  readonly normalizer?: 'NFC';
  /** What is put around a text unless the file says otherwise; `always`: also then. */
  readonly addBos?: boolean | 'always';
  /** A word of nothing but newlines that is a token is taken whole. */
  readonly wholeNewlines?: boolean;
}

const split = (regex: string): Component => ({
  type: 'Split',
  pattern: { Regex: regex },
  behavior: 'Isolated',
  invert: false,
});
const bytes = (useRegex: boolean): Component => ({
  type: 'ByteLevel',
  add_prefix_space: false,
  trim_offsets: true,
  use_regex: useRegex,
});
const digits: Component = { type: 'Digits', individual_digits: true };
/** Patterns one after the other, each on the pieces of the one before. */
const by = (...regexes: readonly string[]) => [...regexes.map(split), bytes(false)];
const thenGpt2 = (...steps: readonly Component[]) => [...steps, bytes(true)];

const contractions = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
const word = '[^\\r\\n\\p{L}\\p{N}]?\\p{L}+';
const signs = ' ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*';
const spaces = '\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+';
const chinese = '[\\x{4e00}-\\x{9fa5}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}]+';
const asciiSigns = '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~]';
const deepseekWords = `${asciiSigns}[A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|${spaces}`;
const capitals = '[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]';
const smalls = '[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]';
/** o200k's words, with what may follow them and how digits are grouped. */
const cased = (tail: string, number: string) =>
  `[^\\r\\n\\p{L}\\p{N}]?${capitals}*${smalls}+${tail}|[^\\r\\n\\p{L}\\p{N}]?${capitals}+${smalls}*${tail}|${number}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|${spaces}`;
const notHan = (set: string) => `[${set}&&[^\\p{Han}]]`;
const kimiHead = `[^\\r\\n\\p{L}\\p{N}]?${notHan('\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}')}`;
const kimiTail = notHan('\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}');
const letterLike = '[[\\p{Lu}\\p{Ll}\\p{Lt}]&&[^\\x{1d400}-\\x{1d7ff}]]+';
const asian = '[\\x{4e00}-\\x{9fa5}\\x{0800}-\\x{4e00}\\x{ac00}-\\x{d7ff}]+';
const bloom = ' ?[^(\\s|.,!?…。，、।۔،)]+';
const lines = '[^\\n]+|[\\n]+';
const longSpaces = [512, 256, 128, 64, 32, 16, 8, 4].map((n) => `\\s{${n}}(?!\\S)`).join('|');

const gpt2 = { steps: thenGpt2() };
const llama3 = { steps: by(patterns.llama3) };
const llama3WithBos = { ...llama3, ignoreMerges: true, addBos: true };
const qwen2 = { steps: by(patterns.qwen2) };
const starcoder = { steps: thenGpt2(digits) };
const bloomLike = { steps: by(bloom) };
const deepseek3 = { steps: by('\\p{N}{1,3}', chinese, deepseekWords) };
const o200k = { steps: by(patterns.o200k) };
const bailing = {
  steps: by(
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+",
  ),
};
const digitsFromTheRight = { steps: by('\\d{1,3}(?=(?:\\d{3})*\\b)', patterns.o200k) };
const spaced = { steps: [split(lines)], raw: true };
// As in llama.cpp, whatever the file says: early conversions say no by mistake (its pull request 21500).
const gemma4 = { ...spaced, wholeNewlines: true, addBos: 'always' } as const;

/**
 * The pre-tokenizers of GGUF files by their names (`tokenizer.ggml.pre`), as llama.cpp knows them. Where llama.cpp
 * approximates the pattern of the published tokenizer.json, this has the published one.
 */
export const namedPreTokenizers: Readonly<Record<string, NamedPreTokenizer>> = {
  default: { steps: by('[\\p{P}\\$\\+<=>\\^~\\|]+', patterns.gpt2, '\\p{N}+', '[0-9][0-9][0-9]') },
  'gpt-2': gpt2,
  'phi-2': gpt2,
  'jina-es': gpt2,
  'jina-de': gpt2,
  'jina-v2-es': gpt2,
  'jina-v2-de': gpt2,
  gigachat: gpt2,
  'a.x-4.0': gpt2,
  mellum: gpt2,
  'modern-bert': gpt2,
  mpt: gpt2,
  olmo: gpt2,
  jais: gpt2,
  trillion: gpt2,
  'granite-docling': gpt2,
  exaone4: gpt2,
  'jina-v1-en': gpt2,
  'jina-v2-code': gpt2,
  'roberta-bpe': gpt2,
  'llama-bpe': llama3WithBos,
  llama3: llama3WithBos,
  'llama-v3': llama3WithBos,
  falcon3: llama3WithBos,
  'falcon-h1': llama3WithBos,
  pixtral: llama3WithBos,
  'midm-2.0': llama3WithBos,
  lfm2: llama3WithBos,
  'jina-v5-nano': llama3WithBos,
  dbrx: llama3,
  'smaug-bpe': llama3,
  'chatglm-bpe': llama3,
  glm4: llama3,
  'jais-2': {
    steps: by(`${contractions}|${word}|\\p{N}{1,3}|${signs}|\\s*[\\r\\n]+|${longSpaces}|\\s{1,2}(?!\\S)|\\s{1}`),
  },
  minicpm5: { steps: by('\\p{N}{1,3}', `${contractions}|${word}|\\p{N}+|${signs}|${spaces}`), ignoreMerges: true },
  qwen2: { ...qwen2, normalizer: 'NFC' },
  'deepseek-r1-qwen': qwen2,
  kormo: qwen2,
  f2llmv2: qwen2,
  megrez: qwen2,
  stablelm2: qwen2,
  hunyuan: qwen2,
  'solar-open': qwen2,
  'grok-2': qwen2,
  qwen35: { steps: by(patterns.qwen35), normalizer: 'NFC' },
  ufakzeka: { steps: by(`${word}|\\p{N}|${signs}|${spaces}`) },
  'seed-coder': {
    steps: by(`${contractions}|${word}|\\p{N}{1}| ?[^\\s\\p{L}\\p{N}\\r\\n]+|${spaces}`),
  },
  laguna: { steps: by(lines, patterns.qwen2) },
  'exaone-moe': {
    steps: by(
      `${contractions}|[^\\r\\n\\p{L}\\p{N}]?(?:\\p{L}\\p{M}*(?: \\p{L}\\p{M}*)*)+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]?|\\s*[\\r\\n]|\\s+(?!\\S)|\\s+`,
    ),
  },
  'deepseek-llm': {
    steps: by(
      '[\\r\\n]',
      `\\s?${letterLike}`,
      '\\s?[!-/:-~\\x{ff01}-\\x{ff0f}\\x{ff1a}-\\x{ff5e}\\x{2018}-\\x{201f}\\x{3000}-\\x{3002}]+',
      '\\s+$',
      asian,
      '\\p{N}+',
    ),
  },
  'deepseek-coder': { steps: by('[\\r\\n]', '\\s?\\p{L}+', '\\s?\\p{P}+', asian, '\\p{N}') },
  'deepseek-v3': deepseek3,
  'hunyuan-dense': deepseek3,
  'joyai-llm': deepseek3,
  hy_v4: deepseek3,
  spark2_5: {
    steps: by('\\p{N}{1,3}', chinese, deepseekWords.replace('[\\r\\n]*|\\s*[\\r\\n]+|', '|[\\r\\n]|'), '\\p{N}'),
  },
  afmoe: {
    steps: by(
      '\\p{Nd}{1,3}(?=(?:\\p{Nd}{3})*(?!\\p{Nd}))',
      '[\\x{4e00}-\\x{9fff}\\x{3400}-\\x{4dbf}\\x{f900}-\\x{faff}\\x{3040}-\\x{309f}\\x{30a0}-\\x{30ff}\\x{ff65}-\\x{ff9f}\\x{2f00}-\\x{2fdf}\\x{0e40}-\\x{0e7f}\\x{0e80}-\\x{0eff}\\x{1780}-\\x{17ff}\\x{1000}-\\x{109f}\\x{aa60}-\\x{aa7f}\\x{a9e0}-\\x{a9ff}\\x{ac00}-\\x{d7af}\\x{1100}-\\x{11ff}]+',
      deepseekWords,
    ),
  },
  youtu: {
    steps: by(
      `[\\x{ac00}-\\x{d7a3}\\x{3131}-\\x{318e}]+|[！…“”‘’—：；，\\x{3001}-\\x{303f}\\x{fe30}-\\x{fe4f}]+|[\\x{3105}-\\x{312f}]+|${chinese}`,
      cased(`${contractions}?`, '\\p{N}'),
    ),
    ignoreMerges: true,
  },
  falcon: { steps: by('[\\p{P}\\$\\+<=>\\^~\\|`]+', patterns.gpt2, '[0-9][0-9][0-9]') },
  starcoder,
  refact: starcoder,
  'command-r': starcoder,
  smollm: starcoder,
  codeshell: starcoder,
  exaone: starcoder,
  'minerva-7b': starcoder,
  mellum2: starcoder,
  'poro-chat': bloomLike,
  bloom: bloomLike,
  'gpt3-finnish': bloomLike,
  viking: { steps: by(bloom, '\\p{N}') },
  tekken: { steps: by(cased('', '\\p{N}')), ignoreMerges: true, addBos: true },
  chameleon: {
    steps: thenGpt2(
      split('<sentinel:[0-9]+>'),
      split('(IMGIMG)((A|B|C|D|E|F|G|H|I){1,4})Z'),
      split('([\\t\\n]|    |  )'),
      digits,
      split('[\\p{P}!-/:-@\\[-`{-~]'),
    ),
    addBos: true,
  },
  'gpt-4o': o200k,
  llama4: o200k,
  kanana2: o200k,
  talkie: o200k,
  'minimax-m2': o200k,
  'granite-embed-multi-97m': { ...o200k, ignoreMerges: true },
  tiny_aya: digitsFromTheRight,
  cohere2moe: digitsFromTheRight,
  superbpe: { steps: by('\\p{N}+', '(?=(\\d{3})+(?!\\d))') },
  bailingmoe: bailing,
  bailingmoe2: bailing,
  'llada-moe': bailing,
  'kimi-k2': {
    steps: by(
      `[\\p{Han}]+|${kimiHead}*${kimiTail}+${contractions}?|${kimiHead}+${kimiTail}*${contractions}?|\\p{N}{1,3}|${signs}|${spaces}`,
    ),
  },
  gemma4,
  'granite-embed-multi-311m': gemma4,
  'sarvam-moe': spaced,
  whitespace: { steps: [{ ...split('\\S+'), behavior: 'Removed', invert: true }], raw: true },
};

/** A pre-tokenizer's components, so that equal behaviour is written equally. */
function canonical(component: unknown): string {
  const steps: unknown = isRecord(component) && component.type === 'Sequence' ? component.pretokenizers : [component];
  if (!Array.isArray(steps)) return '';
  return JSON.stringify(
    steps.map((step: unknown) => {
      if (!isRecord(step)) return step;
      if (step.type === 'ByteLevel') return ['bytes', step.use_regex !== false, step.add_prefix_space === true];
      if (step.type !== 'Split') return step;
      const isolated = step.behavior === 'Isolated' || (step.behavior === 'Removed' && step.invert === true);
      return ['split', isRecord(step.pattern) ? step.pattern.Regex : step.pattern, isolated || step.behavior];
    }),
  );
}

const names = new Map<string, string>();

/** The name under which GGUF files know a byte-level pre-tokenizer (and what goes before it), or null. */
export function preTokenizerName(component: unknown, ignoreMerges: boolean, normalizer: 'NFC' | null): string | null {
  const key = (steps: unknown, whole: boolean, before: string | null) => `${whole} ${before} ${canonical(steps)}`;
  if (names.size === 0) {
    for (const [name, named] of Object.entries(namedPreTokenizers)) {
      const { steps, raw, ignoreMerges: whole = false, normalizer: before = null } = named;
      const made = key({ type: 'Sequence', pretokenizers: steps }, whole, before);
      if (!raw && name !== 'default' && !names.has(made)) names.set(made, name);
    }
  }
  return names.get(key(component, ignoreMerges, normalizer)) ?? null;
}
