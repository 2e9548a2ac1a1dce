import { Reader, isRecord, malformed } from '../config';
import { type AddedToken, assignedId } from '../encode/added-tokens';
import { readTokenizer } from '../json';
import { template } from '../post-processors/template';
import { Tokenizer, type TokenizerParts } from '../tokenizer';

/** The parsed files of a Hugging Face folder that tell of its tokenizer. */
export interface HuggingFaceFiles {
  /** tokenizer.json. */
  readonly tokenizer: unknown;
  /** tokenizer_config.json, in the layout of transformers 4 or 5. */
  readonly config?: unknown;
  /** special_tokens_map.json; the configuration comes first. */
  readonly specialTokensMap?: unknown;
  /** Put bos_token before every text. Default: what tokenizer.json says, whatever the configuration says. */
  readonly addBos?: boolean;
  /** Put eos_token behind every text. Default: what tokenizer.json says. */
  readonly addEos?: boolean;
}

/** What the files of a folder say. */
export interface HuggingFaceTokenizer {
  readonly tokenizer: Tokenizer;
  /** `bos_token`, `eos_token`, `pad_token` and so on, as far as they are given. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** Longest input of the model; null where the file gives none (transformers writes 1e30 for that). */
  readonly modelMaxLength: number | null;
  readonly paddingSide: 'left' | 'right';
  readonly truncationSide: 'left' | 'right';
}

const tokenNames = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

/** A token as the files write it: its text, or an object with its flags; null for none. */
function readToken(value: unknown, place: string): Omit<AddedToken, 'id'> | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return { content: value, special: true };
  const c = Reader.of(value, place);
  const special = c.boolean('special', true);
  return {
    content: c.string('content'),
    special,
    singleWord: c.boolean('single_word', false),
    lstrip: c.boolean('lstrip', false),
    rstrip: c.boolean('rstrip', false),
    normalized: c.boolean('normalized', !special),
  };
}

/** Extra special tokens: a list, or (transformers 5 with names) an object. */
function readExtra(config: Reader): Omit<AddedToken, 'id'>[] {
  return ['additional_special_tokens', 'extra_special_tokens'].flatMap((key) => {
    const value = config.get(key) ?? null;
    if (value === null) return [];
    const items: unknown[] = Array.isArray(value) ? value : isRecord(value) ? Object.values(value) : [];
    if (!Array.isArray(value) && !isRecord(value)) throw malformed(config.at(key), 'a list or an object', value);
    return items.flatMap((item, i) => readToken(item, `${config.at(key)}[${i}]`) ?? []);
  });
}

/** `added_tokens_decoder`: tokens under their ids, in order. */
function readDecoder(config: Reader): Omit<AddedToken, 'id'>[] {
  if ((config.get('added_tokens_decoder') ?? null) === null) return [];
  const decoder = config.reader('added_tokens_decoder');
  return Object.keys(decoder.raw)
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((key) => readToken({ special: false, ...decoder.reader(key).raw }, decoder.at(key)) ?? []);
}

/** Adds tokens as Hugging Face's library does: a known one takes the new flags, another the next id. */
function addTokens(parts: TokenizerParts, more: readonly Omit<AddedToken, 'id'>[]): TokenizerParts {
  const tokens = [...(parts.addedTokens ?? [])];
  const size = parts.model.vocab.size;
  for (const token of more) {
    if (token.content === '') continue;
    const at = tokens.findIndex(({ content }) => content === token.content);
    const largest = tokens.reduce((most, { id }) => Math.max(most, id), -1);
    const id = tokens[at]?.id ?? assignedId(parts.model.vocab.get(token.content), size, largest);
    if (at >= 0) tokens[at] = { ...token, id };
    else tokens.push({ ...token, id });
  }
  return { ...parts, addedTokens: tokens };
}

/**
 * The tokenizer of a Hugging Face folder: tokenizer.json, with the tokens that only tokenizer_config.json names, and
 * the names of its special tokens. What is put around a text comes from tokenizer.json, as in transformers 5; it takes
 * `add_bos_token` and `add_eos_token` from its caller only, and so does this.
 *
 * @throws TokenizerError `invalid_file` naming the place, also for `addBos` where no bos_token is named.
 */
export function tokenizerFromHuggingFace(files: HuggingFaceFiles): HuggingFaceTokenizer {
  const config = Reader.of(files.config ?? {}, files.config === undefined ? '' : 'tokenizer_config');
  const map = Reader.of(files.specialTokensMap ?? {}, 'special_tokens_map');
  const named = new Map<string, Omit<AddedToken, 'id'>>();
  for (const name of tokenNames) {
    const token = readToken(config.get(name), config.at(name)) ?? readToken(map.get(name), map.at(name));
    if (token !== null) named.set(name, { ...token, special: true });
  }
  let parts = addTokens(readTokenizer(files.tokenizer), readDecoder(config));
  const known = new Set((parts.addedTokens ?? []).map(({ content }) => content));
  const missing = [...named.values(), ...readExtra(config), ...readExtra(map)];
  parts = addTokens(
    parts,
    missing.filter(({ content }) => !known.has(content)),
  );
  if (files.addBos !== undefined || files.addEos !== undefined) {
    const part = (name: string, wanted: boolean) => {
      if (!wanted) return [];
      const content = named.get(name)?.content;
      const token = parts.addedTokens?.find((t) => t.content === content);
      if (token === undefined) throw malformed(config.at(name), `a ${name} to be added`, content ?? null);
      return [{ token: token.content, id: token.id }];
    };
    const before = part('bos_token', files.addBos ?? false);
    parts = { ...parts, postProcessor: template({ before, after: part('eos_token', files.addEos ?? false) }) };
  }
  const length = config.get('model_max_length') ?? null;
  if (length !== null && typeof length !== 'number') throw malformed(config.at('model_max_length'), 'a number', length);
  return {
    tokenizer: new Tokenizer(parts),
    specialTokens: Object.fromEntries([...named].map(([name, { content }]) => [name, content])),
    modelMaxLength: length === null || length > 1e15 ? null : length,
    paddingSide: config.oneOf('padding_side', ['left', 'right'], 'right'),
    truncationSide: config.oneOf('truncation_side', ['left', 'right'], 'right'),
  };
}
