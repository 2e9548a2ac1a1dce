import { Reader, isRecord, malformed, maxId } from '../config';
import { type AddedToken, assignedId } from '../encode/added-tokens';
import { readTokenizer } from '../json';
import { template } from '../post-processors/template';
import type { TokenizerParts } from '../options';
import { Tokenizer } from '../tokenizer';
import { checkObject } from './arguments';

/** The parsed files of a Hugging Face folder that tell of its tokenizer. */
export interface HuggingFaceFiles {
  /** tokenizer.json. */
  readonly tokenizer: unknown;
  /** tokenizer_config.json, in the layout of transformers 4 or 5. */
  readonly config?: unknown;
  /**
   * special_tokens_map.json of folders whose configuration has no `added_tokens_decoder`: there it comes before the
   * configuration, elsewhere it tells nothing, as in transformers.
   */
  readonly specialTokensMap?: unknown;
  /** Put bos_token before every text. Default: what tokenizer.json says, whatever the configuration says. */
  readonly addBos?: boolean;
  /** Put eos_token behind every text. Default: what tokenizer.json says. */
  readonly addEos?: boolean;
}

/** What the files of a folder say. */
export interface HuggingFaceTokenizer {
  readonly tokenizer: Tokenizer;
  /** `bos_token`, `eos_token`, `pad_token` and so on, as far as they are given; also `image_token` and the like. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** Longest input of the model; null where the file gives none (transformers writes 1e30 for that). */
  readonly modelMaxLength: number | null;
  readonly paddingSide: 'left' | 'right';
  readonly truncationSide: 'left' | 'right';
}

const tokenNames = ['bos_token', 'eos_token', 'unk_token', 'sep_token', 'pad_token', 'cls_token', 'mask_token'];

type NewToken = Omit<AddedToken, 'id'>;

/** A token as the files write it: its text, or an object with its flags; null for none. */
function readToken(value: unknown, place: string, usual = true): NewToken | null {
  if (value === null || value === undefined) return null;
  if (typeof value === 'string') return { content: value, special: true };
  const c = Reader.of(value, place);
  return {
    content: c.string('content'),
    special: c.boolean('special', usual),
    singleWord: c.boolean('single_word', false),
    lstrip: c.boolean('lstrip', false),
    rstrip: c.boolean('rstrip', false),
    // Not said, it follows from `special`, which a name may yet change.
    ...((c.get('normalized') ?? null) !== null && { normalized: c.boolean('normalized') }),
  };
}

/** Extra special tokens without names. `additional_special_tokens` is their older key: it counts where the other has none. */
function readExtra(config: Reader): NewToken[] {
  const lists = ['extra_special_tokens', 'additional_special_tokens'].map((key) => {
    const value = config.get(key) ?? null;
    if (value === null || isRecord(value)) return [];
    if (!Array.isArray(value)) throw malformed(config.at(key), 'a list or an object', value);
    return value.flatMap((item: unknown, i) => {
      // An object that is marked as a token is special only if it says so.
      const marked = isRecord(item) && item.__type === 'AddedToken';
      return readToken(item, `${config.at(key)}[${i}]`, !marked) ?? [];
    });
  });
  return lists.find((list) => list.length > 0) ?? [];
}

/**
 * Special tokens by name: the usual ones, others with names such as `image_token`, and named extra ones.
 *
 * @param files The first that has a name counts.
 */
function readNamed(files: readonly Reader[]): Map<string, NewToken> {
  const named = new Map<string, NewToken>();
  const add = (name: string, token: NewToken | null) => {
    if (token !== null && !named.has(name)) named.set(name, { ...token, special: true });
  };
  for (const name of tokenNames) for (const reader of files) add(name, readToken(reader.get(name), reader.at(name)));
  for (const reader of files) {
    for (const [name, value] of Object.entries(reader.raw)) {
      const token = typeof value === 'string' || (isRecord(value) && value.__type === 'AddedToken');
      if (name.endsWith('_token') && token) add(name, readToken(value, reader.at(name)));
    }
    for (const key of ['extra_special_tokens', 'additional_special_tokens']) {
      if (!isRecord(reader.get(key))) continue;
      const extra = reader.reader(key);
      for (const [name, value] of Object.entries(extra.raw)) add(name, readToken(value, extra.at(name)));
    }
  }
  return named;
}

/** `added_tokens_decoder`: tokens under their ids, in order. */
function readDecoder(config: Reader): NewToken[] {
  if ((config.get('added_tokens_decoder') ?? null) === null) return [];
  const decoder = config.reader('added_tokens_decoder');
  const keys = Object.keys(decoder.raw);
  const wrong = keys.find((key) => !/^\d+$/.test(key) || Number(key) > maxId);
  if (wrong !== undefined) throw malformed(decoder.place, `ids from 0 to ${maxId} as keys`, wrong);
  return keys
    .sort((a, b) => Number(a) - Number(b))
    .flatMap((key) => readToken({ special: false, ...decoder.reader(key).raw }, decoder.at(key)) ?? []);
}

/** Adds tokens as Hugging Face's library does: a known one takes the new flags, another the next id. */
function addTokens(parts: TokenizerParts, more: readonly NewToken[]): TokenizerParts {
  const tokens = [...(parts.addedTokens ?? [])];
  const size = parts.model.size ?? parts.model.vocab.size;
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
 * @throws TokenizerError `invalid_file` naming the place, also for `addBos` where no bos_token is named;
 * `invalid_argument` for files that are no object.
 */
export function tokenizerFromHuggingFace(files: HuggingFaceFiles): HuggingFaceTokenizer {
  checkObject('tokenizer', 'files', 'an object with the parsed tokenizer.json as `tokenizer`', files);
  const config = Reader.of(files.config ?? {}, files.config === undefined ? '' : 'tokenizer_config');
  const map = Reader.of(files.specialTokensMap ?? {}, 'special_tokens_map');
  // Where the configuration tells of all added tokens, neither another file nor a name changes those of tokenizer.json.
  const tellsAll = (config.get('added_tokens_decoder') ?? null) !== null;
  const named = readNamed(tellsAll ? [config] : [map, config]);
  const names = new Set([...named.values()].map(({ content }) => content));
  const read = readTokenizer(files.tokenizer);
  const settled = (token: NewToken): NewToken => {
    const special = names.has(token.content) || (token.special ?? false);
    return { ...token, special, normalized: token.normalized ?? !special };
  };
  const own = (read.addedTokens ?? []).map((token) => (tellsAll ? token : { ...token, ...settled(token) }));
  let parts = addTokens({ ...read, addedTokens: own }, readDecoder(config).map(settled));
  const known = new Set((parts.addedTokens ?? []).map(({ content }) => content));
  const missing = [...named.values(), ...readExtra(config), ...(tellsAll ? [] : readExtra(map))];
  parts = addTokens(parts, missing.filter(({ content }) => !known.has(content)).map(settled));
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
  if (length !== null && !(typeof length === 'number' && Number.isInteger(length) && length > 0))
    throw malformed(config.at('model_max_length'), 'a whole number of at least 1', length);
  return {
    tokenizer: new Tokenizer(parts),
    specialTokens: Object.fromEntries([...named].map(([name, { content }]) => [name, content])),
    modelMaxLength: length === null || length > 1e15 ? null : length,
    paddingSide: config.oneOf('padding_side', ['left', 'right'], 'right'),
    truncationSide: config.oneOf('truncation_side', ['left', 'right'], 'right'),
  };
}
