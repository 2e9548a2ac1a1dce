import type { AddedToken } from '../encode/added-tokens';
import type { PostProcessor } from '../post-processors/post-processor';
import { template } from '../post-processors/template';
import { type MetadataReader, keys, malformedMetadata } from './gguf-metadata';
import { pieceType } from './sentencepiece-model';

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
    // 0 is a type that was never set.
    if (!Number.isInteger(type) || type < 0 || type > pieceType.byte)
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

/** What is put around a text: the file's own settings, else those given here. */
export function around(
  meta: MetadataReader,
  { texts }: Tokens,
  usual: {
    readonly bos?: number;
    readonly eos?: number;
    readonly sep?: number;
    readonly addBos?: boolean | 'always';
    readonly addEos?: boolean;
    readonly addSep?: boolean;
  },
): { before: Part[]; after: Part[]; ids: number[] } {
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
  const eos = part(keys.addEos, usual.addEos ?? false, keys.eos, usual.eos);
  const sep = part(keys.addSep, usual.addSep ?? false, keys.sep, usual.sep, keys.eos);
  const after = [...eos, ...sep];
  return { before, after, ids: [...before, ...after].map(({ id }) => id) };
}

export function postProcessorOf(before: readonly Part[], after: readonly Part[]): PostProcessor | null {
  return before.length + after.length > 0 ? template({ before, after }) : null;
}

/** A token that is put around texts is special whatever its type. */
export function withSpecial(added: readonly AddedToken[], ids: readonly number[], { texts }: Tokens): AddedToken[] {
  const known = added.map((token) => (ids.includes(token.id) ? { ...token, special: true } : token));
  const more = [...new Set(ids)].filter((id) => !known.some((token) => token.id === id));
  return [...known, ...more.map((id) => ({ id, content: texts[id] as string, special: true }))];
}
