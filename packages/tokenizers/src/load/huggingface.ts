import { Reader, isRecord, malformed, maxId } from '../config';
import { assignedId } from '../encode/added-tokens-json';
import { readTokenizer } from '../json';
import { template } from '../post-processors/template';
import type { TokenizerParts } from '../options';
import { Tokenizer } from '../tokenizer';
import { checkObject } from '../arguments';
import { type NewToken, readNamed, readToken } from './huggingface-tokens';

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
  /**
   * Put bos_token before every text. Default: what tokenizer.json says, whatever the configuration says; false where
   * `addEos` is given. Given either, the post-processor of tokenizer.json does not count.
   */
  readonly addBos?: boolean;
  /** Put eos_token behind every text. Default: what tokenizer.json says; false where `addBos` is given. */
  readonly addEos?: boolean;
}

/** What the files of a folder say. */
export interface HuggingFaceTokenizer {
  readonly tokenizer: Tokenizer;
  /** `bos_token`, `eos_token`, `pad_token` and so on, as far as they are given; also `image_token` and the like. */
  readonly specialTokens: Readonly<Record<string, string>>;
  /** Longest input of the model; null where the file gives none (transformers writes 1e30 for that). */
  readonly modelMaxLength: number | null;
  /** `padding_side`; default right. The tokenizer itself goes by tokenizer.json. */
  readonly paddingSide: 'left' | 'right';
  /** `truncation_side`; default right. */
  readonly truncationSide: 'left' | 'right';
}

/** Extra special tokens without names, under their key and under the older one. */
function extraLists(reader: Reader): readonly (readonly NewToken[])[] {
  return ['extra_special_tokens', 'additional_special_tokens'].map((key) => {
    const value = reader.get(key) ?? null;
    if (value === null || isRecord(value)) return [];
    if (!Array.isArray(value)) throw malformed(reader.at(key), 'a list or an object', value);
    return value.flatMap((item: unknown, i) => {
      // An object that is marked as a token is special only if it says so.
      const marked = isRecord(item) && item.__type === 'AddedToken';
      return readToken(item, `${reader.at(key)}[${i}]`, !marked) ?? [];
    });
  });
}

/** All of them. The older key counts where the other has none, that of `map` where there is none at all. */
function readExtra(config: Reader, map: Reader): readonly NewToken[] {
  const [extra = [], older = []] = extraLists(config);
  const [more = [], last = []] = extraLists(map);
  const replaced = isRecord(map.get('extra_special_tokens'));
  const found = replaced ? [] : [...(extra.length > 0 ? extra : older), ...more];
  return found.length > 0 ? found : last;
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
 * `unsupported` for a component of an unknown type; `invalid_argument` for files that are no object.
 *
 * @example
 * ```ts
 * import { tokenizerFromHuggingFace, trainBpe } from '@tessera-llm/tokenizers';
 * const trained = await trainBpe(['low lower'], { vocabSize: 260, specialTokens: ['</s>'] });
 * // Usually both files parsed: JSON.parse(await readFile('tokenizer.json', 'utf8')) and so on.
 * const files = { tokenizer: trained.toJSON(), config: { eos_token: '</s>', model_max_length: 512 } };
 * const { tokenizer, specialTokens, modelMaxLength } = tokenizerFromHuggingFace({ ...files, addEos: true });
 * console.log(tokenizer.encode('low').tokens); // ['low', '</s>']
 * console.log(specialTokens.eos_token, modelMaxLength); // '</s>' 512
 * ```
 */
export function tokenizerFromHuggingFace(files: HuggingFaceFiles): HuggingFaceTokenizer {
  checkObject('tokenizer', 'files', 'an object with the parsed tokenizer.json as `tokenizer`', files);
  const config = Reader.of(files.config ?? {}, files.config === undefined ? '' : 'tokenizer_config');
  const given = Reader.of(files.specialTokensMap ?? {}, 'special_tokens_map');
  // Where the configuration tells of all added tokens, neither another file nor a name changes those of tokenizer.json.
  const tellsAll = (config.get('added_tokens_decoder') ?? null) !== null;
  const map = tellsAll ? new Reader({}, '') : given;
  const named = readNamed(config, map);
  const names = new Set([...named.values()].map(({ content }) => content));
  const read = readTokenizer(files.tokenizer);
  const settled = (token: NewToken): NewToken => {
    const special = names.has(token.content) || (token.special ?? false);
    return { ...token, special, normalized: token.normalized ?? !special };
  };
  const own = (read.addedTokens ?? []).map((token) => (tellsAll ? token : { ...token, ...settled(token) }));
  let parts = addTokens({ ...read, addedTokens: own }, readDecoder(config).map(settled));
  const known = new Set((parts.addedTokens ?? []).map(({ content }) => content));
  const missing = [...named.values(), ...readExtra(config, map)];
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
