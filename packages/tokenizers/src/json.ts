import { z } from 'zod';
import { Bpe } from './bpe';
import { TokenizerError } from './errors';
import { type PostProcessor, template } from './post-processor';
import { type PreTokenizer, byteLevel, sequence, splitPattern } from './pre-tokenizer';
import type { TokenizerParts } from './tokenizer';

const addedToken = z.object({
  id: z.number().int().nonnegative(),
  content: z.string(),
  special: z.boolean().default(false),
  single_word: z.boolean().default(false),
  lstrip: z.boolean().default(false),
  rstrip: z.boolean().default(false),
});
const typed = z.looseObject({ type: z.string() });
const file = z.looseObject({
  added_tokens: z.array(addedToken).default([]),
  normalizer: typed.nullish(),
  pre_tokenizer: typed.nullish(),
  model: z.looseObject({ type: z.string().optional() }),
  post_processor: typed.nullish(),
  decoder: typed.nullish(),
});
const bpe = z.looseObject({
  type: z.literal('BPE').optional(),
  vocab: z.record(z.string(), z.number().int().nonnegative()),
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
  dropout: z.null().optional(),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: z.literal('').nullish(),
  end_of_word_suffix: z.literal('').nullish(),
  byte_fallback: z.literal(false).optional(),
  ignore_merges: z.boolean().default(false),
});
const byteLevelSchema = z.looseObject({
  add_prefix_space: z.boolean().default(true),
  trim_offsets: z.boolean().default(true),
  use_regex: z.boolean().default(true),
});
const splitSchema = z.looseObject({
  pattern: z.union([z.object({ Regex: z.string() }), z.object({ String: z.string() })]),
  behavior: z.literal('Isolated'),
  invert: z.literal(false),
});
const sequenceItem = z.union([
  z.object({ SpecialToken: z.object({ id: z.string() }) }),
  z.object({ Sequence: z.object({ id: z.enum(['A', 'B']) }) }),
]);
const templateSchema = z.looseObject({
  single: z.array(sequenceItem),
  special_tokens: z.record(
    z.string(),
    z.object({ id: z.string(), ids: z.array(z.number().int()), tokens: z.array(z.string()) }),
  ),
});

function parse<T>(schema: z.ZodType<T>, value: unknown, place: string): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const where = [place, ...(issue?.path ?? [])].join('.');
  throw new TokenizerError('invalid_file', `[tokenizer.json] ${where}: ${issue?.message ?? 'malformed'}`);
}

function unsupported(place: string, type: unknown): never {
  throw new TokenizerError(
    'unsupported',
    `[tokenizer.json] ${place}: the component ${JSON.stringify(type)} is not supported`,
  );
}

function parsePreTokenizer(value: unknown, place: string): PreTokenizer {
  const { type } = parse(typed, value, place);
  if (type === 'ByteLevel') {
    const c = parse(byteLevelSchema, value, place);
    return byteLevel({ addPrefixSpace: c.add_prefix_space, useRegex: c.use_regex, trimOffsets: c.trim_offsets });
  }
  if (type === 'Split') {
    const { pattern } = parse(splitSchema, value, place);
    return splitPattern('Regex' in pattern ? pattern.Regex : pattern.String.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  }
  if (type === 'Digits') {
    const { individual_digits: single } = parse(
      z.looseObject({ individual_digits: z.boolean().default(false) }),
      value,
      place,
    );
    return {
      ...splitPattern(single ? '\\p{N}' : '\\p{N}+'),
      toJSON: () => ({ type: 'Digits', individual_digits: single }),
    };
  }
  if (type === 'Sequence') {
    const { pretokenizers } = parse(z.looseObject({ pretokenizers: z.array(z.unknown()) }), value, place);
    return sequence(pretokenizers.map((p, i) => parsePreTokenizer(p, `${place}.pretokenizers.${i}`)));
  }
  return unsupported(place, type);
}

function parsePostProcessor(value: unknown, place: string): PostProcessor | null {
  const { type } = parse(typed, value, place);
  if (type === 'ByteLevel') return null;
  if (type === 'Sequence') {
    const { processors } = parse(z.looseObject({ processors: z.array(z.unknown()) }), value, place);
    const found = processors.map((p, i) => parsePostProcessor(p, `${place}.processors.${i}`)).filter((p) => p !== null);
    return found.length <= 1 ? (found[0] ?? null) : unsupported(place, 'Sequence of several templates');
  }
  if (type !== 'TemplateProcessing') return unsupported(place, type);
  const { single, special_tokens: specials } = parse(templateSchema, value, place);
  const at = single.findIndex((item) => 'Sequence' in item);
  if (at < 0)
    throw new TokenizerError('invalid_file', `[tokenizer.json] ${place}.single: expected the sequence A, got none`);
  const around = (items: typeof single) =>
    items.flatMap((item) => {
      if (!('SpecialToken' in item)) return [];
      const named = specials[item.SpecialToken.id];
      if (named === undefined) {
        throw new TokenizerError(
          'invalid_file',
          `[tokenizer.json] ${place}: ${JSON.stringify(item.SpecialToken.id)} is not among special_tokens`,
        );
      }
      return named.ids.map((id, i) => ({ id, token: named.tokens[i] ?? named.id }));
    });
  return template({ before: around(single.slice(0, at)), after: around(single.slice(at + 1)) });
}

function parseNormalizer(value: unknown, place: string): 'NFC' | null {
  const { type } = parse(typed, value, place);
  if (type === 'NFC') return 'NFC';
  if (type !== 'Sequence') return unsupported(place, type);
  const { normalizers } = parse(z.looseObject({ normalizers: z.array(z.unknown()) }), value, place);
  const found = normalizers.map((n, i) => parseNormalizer(n, `${place}.normalizers.${i}`));
  return found.includes('NFC') ? 'NFC' : null;
}

/** Parts of a tokenizer from the content of a tokenizer.json. */
export function parseTokenizerJson(json: unknown): TokenizerParts {
  const top = parse(file, json, '$');
  if (top.model.type !== undefined && top.model.type !== 'BPE') unsupported('model', top.model.type);
  const model = parse(bpe, top.model, 'model');
  if (top.decoder && top.decoder.type !== 'ByteLevel') unsupported('decoder', top.decoder.type);
  if (!top.pre_tokenizer) unsupported('pre_tokenizer', null);
  const merges = model.merges.map((m, i): readonly [string, string] => {
    if (typeof m !== 'string') return m;
    const space = m.indexOf(' ');
    if (space < 0)
      throw new TokenizerError(
        'invalid_file',
        `[tokenizer.json] model.merges.${i}: expected two tokens, got ${JSON.stringify(m)}`,
      );
    return [m.slice(0, space), m.slice(space + 1)];
  });
  return {
    addedTokens: top.added_tokens.map((t) => ({
      id: t.id,
      content: t.content,
      special: t.special,
      singleWord: t.single_word,
      lstrip: t.lstrip,
      rstrip: t.rstrip,
    })),
    normalizer: top.normalizer ? parseNormalizer(top.normalizer, 'normalizer') : null,
    preTokenizer: parsePreTokenizer(top.pre_tokenizer, 'pre_tokenizer'),
    model: new Bpe({ vocab: new Map(Object.entries(model.vocab)), merges, ignoreMerges: model.ignore_merges }),
    postProcessor: top.post_processor ? parsePostProcessor(top.post_processor, 'post_processor') : null,
  };
}

/** The content of a tokenizer.json that describes these parts. */
export function tokenizerToJson(parts: TokenizerParts): unknown {
  const byteLevelPart = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };
  return {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: (parts.addedTokens ?? []).map((t) => ({
      id: t.id,
      content: t.content,
      single_word: t.singleWord ?? false,
      lstrip: t.lstrip ?? false,
      rstrip: t.rstrip ?? false,
      normalized: false,
      special: t.special ?? false,
    })),
    normalizer: parts.normalizer ? { type: parts.normalizer } : null,
    pre_tokenizer: parts.preTokenizer.toJSON(),
    post_processor: parts.postProcessor?.toJSON() ?? null,
    decoder: byteLevelPart,
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: null,
      end_of_word_suffix: null,
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: parts.model.ignoreMerges,
      vocab: Object.fromEntries([...parts.model.vocab].sort((a, b) => a[1] - b[1])),
      merges: parts.model.merges.map(([a, b]) => [a, b]),
    },
  };
}
