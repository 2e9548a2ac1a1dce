import { Reader, malformed, maxId } from '../config';
import { findLoneSurrogate } from '../text/unicode';
import type { AddedToken } from './added-tokens';

/**
 * The id that Hugging Face's library gives an added token.
 *
 * @param own Its id in the model.
 * @param size How many tokens the model has.
 * @param largest The largest id of the added tokens so far; -1 for none.
 */
export function assignedId(own: number | undefined, size: number, largest: number): number {
  return own ?? (largest >= size ? largest + 1 : size);
}

/**
 * `added_tokens` of a tokenizer.json. As in Hugging Face's library, a token that the model has takes the model's id, and
 * any other the next free one, whatever the file says: in a sound file they are the same.
 */
export function readAddedTokens(
  value: unknown,
  vocab: ReadonlyMap<string, number>,
  size: number = vocab.size,
): AddedToken[] {
  if (value == null) return [];
  if (!Array.isArray(value)) throw malformed('added_tokens', 'a list', value);
  const places = new Map<number | string, number>();
  let largest = -1;
  return value.flatMap((item: unknown, i): AddedToken[] => {
    const c = Reader.of(item, `added_tokens[${i}]`);
    const id = c.integer('id');
    if (id > maxId) throw malformed(c.at('id'), `an id of at most ${maxId}`, id);
    const special = c.boolean('special', false);
    const content = c.string('content');
    // Hugging Face's library drops a token without content: it takes no id.
    if (content === '') return [];
    if (findLoneSurrogate(content) >= 0) throw malformed(c.at('content'), 'well-formed text', content);
    for (const [key, one] of [
      ['id', id],
      ['content', content],
    ] as const) {
      const other = places.get(one);
      if (other !== undefined) throw malformed(c.at(key), `another one than that of added_tokens[${other}]`, one);
      places.set(one, i);
    }
    const given = assignedId(vocab.get(content), size, largest);
    largest = Math.max(largest, given);
    return [
      {
        id: given,
        content,
        special,
        singleWord: c.boolean('single_word', false),
        lstrip: c.boolean('lstrip', false),
        rstrip: c.boolean('rstrip', false),
        normalized: c.boolean('normalized', !special),
      },
    ];
  });
}

/**
 * What a tokenizer.json can say of added tokens that were made by hand.
 *
 * @throws TokenizerError `invalid_file` for an id out of range or twice, and a content that is empty, no well-formed
 *   text, or there twice.
 */
export function checkAddedTokens(tokens: readonly AddedToken[]): void {
  const places = new Map<number | string, number>();
  for (const [i, { id, content }] of tokens.entries()) {
    const at = `addedTokens[${i}]`;
    if (!Number.isInteger(id) || id < 0 || id > maxId) throw malformed(`${at}.id`, `an id from 0 to ${maxId}`, id);
    if (typeof content !== 'string' || content === '' || findLoneSurrogate(content) >= 0) {
      throw malformed(`${at}.content`, 'a well-formed text of some characters', content);
    }
    for (const one of [id, content]) {
      const other = places.get(one);
      if (other !== undefined) throw malformed(at, `another id and content than addedTokens[${other}]`, one);
      places.set(one, i);
    }
  }
}

/** An added token as tokenizer.json has it. */
export function addedTokenToJson(token: AddedToken): unknown {
  return {
    id: token.id,
    content: token.content,
    single_word: token.singleWord ?? false,
    lstrip: token.lstrip ?? false,
    rstrip: token.rstrip ?? false,
    normalized: token.normalized ?? false,
    special: token.special ?? false,
  };
}
