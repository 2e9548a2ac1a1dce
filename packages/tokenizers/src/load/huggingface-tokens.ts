import { Reader, isRecord } from '../config';
import type { AddedToken } from '../encode/added-tokens';

/** Names that every tokenizer of transformers may have. */
export const tokenNames: readonly string[] = [
  'bos_token',
  'eos_token',
  'unk_token',
  'sep_token',
  'pad_token',
  'cls_token',
  'mask_token',
];

export type NewToken = Omit<AddedToken, 'id'>;

/** A token as the files write it: its text, or an object with its flags; null for none. */
export function readToken(value: unknown, place: string, usual = true): NewToken | null {
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

/** Tokens by name, in order. */
type Named = readonly (readonly [name: string, token: NewToken])[];

/** Entries that are tokens. */
function tokensOf(reader: Reader, wanted: (name: string, value: unknown) => boolean): Named {
  return Object.entries(reader.raw).flatMap(([name, value]) => {
    const token = wanted(name, value) ? readToken(value, reader.at(name)) : null;
    return token === null ? [] : [[name, token] as const];
  });
}

/** The tokens under a key that holds some by name; none where it holds a list of them, or nothing. */
function group(reader: Reader, key: string): Named {
  return isRecord(reader.get(key)) ? tokensOf(reader.reader(key), () => true) : [];
}

const isOther = (name: string) => name.endsWith('_token') && !tokenNames.includes(name);

/**
 * Special tokens by name: the usual ones, others such as `image_token`, and named extra ones. Templates see them as
 * variables. Which one counts, and their order, which new ids follow, are those of transformers.
 *
 * @param map special_tokens_map.json; tells nothing where the configuration has `added_tokens_decoder`.
 */
export function readNamed(config: Reader, map: Reader): Map<string, NewToken> {
  const legacy = (config.get('added_tokens_decoder') ?? null) === null ? map : new Reader({}, '');
  const extra = group(config, 'extra_special_tokens');
  // The older key counts behind the other one, and not at all where that is a list.
  const list = config.get('extra_special_tokens');
  const older = Array.isArray(list) && list.length > 0 ? [] : group(config, 'additional_special_tokens');
  const given = [
    ...tokensOf(config, (name, value) => isOther(name) && typeof value === 'string'),
    ...(extra.length > 0 ? extra : older),
  ];
  const named = new Map<string, NewToken>();
  for (const name of tokenNames) {
    const token = readToken(legacy.get(name), legacy.at(name)) ?? readToken(config.get(name), config.at(name));
    if (token !== null) named.set(name, { ...token, special: true });
  }
  for (const [name, token] of [
    ...(extra.length > 0 ? older : []),
    ...tokensOf(config, (name, value) => isOther(name) && isRecord(value) && value.__type === 'AddedToken'),
    ...tokensOf(legacy, (name, value) => isOther(name) && (typeof value === 'string' || isRecord(value))),
    ...(given.length > 0 ? given : group(config, 'model_specific_special_tokens')),
    ...group(legacy, 'extra_special_tokens'),
  ]) {
    named.set(name, { ...token, special: true });
  }
  return named;
}
