import type { AddedToken } from '../encode/added-tokens';
import type { PostProcessor } from '../post-processors/post-processor';
import { template, templateProcessor } from '../post-processors/template';
import { type MetadataReader, keys, malformedMetadata } from './gguf-metadata';
import { pieceType } from './sentencepiece-model';

/** The type of a token that no writer has set one for. */
export const neverSet = 0;

/** The tokens of a file: texts, scores and types by id. */
export interface Tokens {
  readonly texts: readonly string[];
  readonly scores: readonly number[];
  readonly types: readonly number[];
  readonly vocab: ReadonlyMap<string, number>;
}

export function readTokens(meta: MetadataReader): Tokens {
  const given = meta.strings(keys.tokens);
  if (given === null) throw malformedMetadata(keys.tokens, 'a list of tokens', null);
  const texts = given.map((text, id) => (text === '' ? `[EMPTY_${id}]` : text));
  const vocab = new Map<string, number>();
  texts.forEach((text, id) => {
    const other = vocab.get(text);
    if (other !== undefined) throw malformedMetadata(`${keys.tokens}[${id}]`, `another token than [${other}]`, text);
    vocab.set(text, id);
  });
  const types = meta.numbers(keys.types, texts.length) ?? texts.map(() => pieceType.normal);
  types.forEach((type, id) => {
    if (!Number.isInteger(type) || type < neverSet || type > pieceType.byte)
      throw malformedMetadata(`${keys.types}[${id}]`, `a whole number from 0 to ${pieceType.byte}`, type);
  });
  return { texts, vocab, types, scores: meta.numbers(keys.scores, texts.length) ?? texts.map(() => 0) };
}

export function idsOf({ types }: Tokens, ...wanted: readonly number[]): Set<number> {
  const ids = new Set<number>();
  types.forEach((type, id) => {
    if (wanted.includes(type)) ids.add(id);
  });
  return ids;
}

/** Control and unknown tokens are special, user-defined ones are found in text as they stand. */
export function addedTokens({ types, texts }: Tokens): AddedToken[] {
  const out: AddedToken[] = [];
  types.forEach((type, id) => {
    const special = type === pieceType.control || type === pieceType.unknown;
    if (special || type === pieceType.userDefined) out.push({ id, content: texts[id] as string, special });
  });
  return out;
}

/** A special token around a text. */
interface Part {
  readonly token: string;
  readonly id: number;
}

/** What is put around texts. */
export interface Around {
  readonly before: readonly Part[];
  readonly after: readonly Part[];
  /** Between a pair, which then has `before` only once; null for none: each text has all of its own. */
  readonly between: Part | null;
  /** Of all of these. */
  readonly ids: readonly number[];
}

/**
 * What is put around a text: the file's own settings, else those given here. With a `sep` the separator is the end.
 * Elsewhere it stands only between a pair, behind the end of the first: converters say yes to both for RoBERTa's
 * `<s> A </s></s> B </s>`, and llama.cpp ends a text with one.
 */
export function around(
  meta: MetadataReader,
  { texts }: Tokens,
  usual: {
    readonly bos?: number;
    readonly eos?: number;
    readonly sep?: number;
    readonly addBos?: boolean | 'always';
    readonly addEos?: boolean;
  },
): Around {
  const size = texts.length;
  type Wanted = boolean | 'always';
  const part = (flag: string, wanted: Wanted, key: string, fallback: number | undefined, other?: string) => {
    const said = meta.boolean(flag, wanted !== false);
    if (!said && wanted !== 'always') return [];
    const id = meta.id(key, size) ?? (other === undefined ? null : meta.id(other, size)) ?? meta.id('', size, fallback);
    if (id === null) {
      if (!said) return [];
      throw malformedMetadata(key, `an id, as ${flag} is true`, null);
    }
    return [{ token: texts[id] as string, id }];
  };
  const before = part(keys.addBos, usual.addBos ?? false, keys.bos, usual.bos, keys.cls);
  const separates = usual.sep !== undefined;
  const sep = separates ? part(keys.addSep, true, keys.sep, usual.sep, keys.eos) : [];
  const after =
    sep.length > 0
      ? sep
      : part(keys.addEos, usual.addEos ?? false, keys.eos, usual.eos, separates ? keys.sep : undefined);
  const [between = null] = separates || !meta.has(keys.sep) ? [] : part(keys.addSep, false, keys.sep, undefined);
  return { before, after, between, ids: [...before, ...after, ...(between ? [between] : [])].map(({ id }) => id) };
}

export function postProcessorOf({ before, after, between }: Around): PostProcessor | null {
  if (between === null) return before.length + after.length > 0 ? template({ before, after }) : null;
  const special = (parts: readonly Part[]) => parts.map(({ token }) => ({ special: token, typeId: 0 }));
  const first = [...special(before), { sequence: 'A' as const, typeId: 0 }, ...special(after)];
  return templateProcessor({
    single: first,
    pair: [...first, ...special([between]), { sequence: 'B', typeId: 0 }, ...special(after)],
    tokens: new Map([...before, ...after, between].map(({ token, id }) => [token, { ids: [id], tokens: [token] }])),
  });
}

/** A token that is put around texts is special whatever its type. */
export function withSpecial(added: readonly AddedToken[], ids: readonly number[], { texts }: Tokens): AddedToken[] {
  const known = added.map((token) => (ids.includes(token.id) ? { ...token, special: true } : token));
  const more = [...new Set(ids)].filter((id) => !known.some((token) => token.id === id));
  return [...known, ...more.map((id) => ({ id, content: texts[id] as string, special: true }))];
}
