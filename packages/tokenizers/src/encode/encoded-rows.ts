import { TokenizerError } from '../errors';
import type { EncodeIdsOptions, EncodeOptions, TextInput, TokenizerParts } from '../options';
import { finish } from '../post-processors/post-processor';
import type { AddedTokens } from './added-tokens';
import { checkInput, checkSpecial } from './arguments';
import type { Rows } from './rows';
import { textRows } from './text-rows';
import { checkTruncation, truncateRows } from './truncation';

/** @throws TokenizerError `invalid_text` for a special token that the options refuse, `invalid_argument` for such options. */
export function checkAllowed(added: AddedTokens, text: TextInput, options: EncodeIdsOptions): void {
  const { allowedSpecial = 'all', disallowedSpecial = 'none' } = options;
  checkSpecial('allowedSpecial', allowedSpecial, true);
  checkSpecial('disallowedSpecial', disallowedSpecial, false);
  if (disallowedSpecial === 'none') return;
  for (const piece of typeof text === 'string' ? [text] : text) {
    const found = added.findDisallowed(piece, allowedSpecial, disallowedSpecial);
    if (found === null) continue;
    throw new TokenizerError(
      'invalid_text',
      `[encode] expected a text without ${JSON.stringify(found)}, which is a special token; allowedSpecial recognises it, disallowedSpecial: 'none' takes it as characters`,
    );
  }
}

/** Options as they are now, for what is made of them later. */
export function unchanging(options: EncodeOptions): EncodeOptions {
  const { allowedSpecial: allowed } = options;
  if (allowed === undefined || typeof allowed === 'string') return { ...options };
  const outside = 'outside' in allowed ? allowed.outside.map(([from, to]) => [from, to] as const) : null;
  return { ...options, allowedSpecial: outside === null ? [...(allowed as readonly string[])] : { outside } };
}

/** One text or two through all parts but padding and the decoder. */
export function encodedRows(parts: TokenizerParts, added: AddedTokens, text: TextInput, options: EncodeOptions): Rows {
  const { addSpecialTokens = true, allowedSpecial = 'all', pair, truncation = parts.truncation ?? null } = options;
  const given = pair === undefined ? [text] : [text, pair];
  given.forEach((one, i) => checkInput(i === 0 ? 'text' : 'pair', one));
  // Where the second text is the one to cut, the first keeps its length: if it is too long, the error tells it.
  const limit = (i: number) => (i === 0 && truncation?.strategy === 'only_second' ? null : truncation);
  for (const one of given) checkAllowed(added, one, options);
  const texts = given.map((t, i) => textRows(parts, added, t, i, allowedSpecial, limit(i)));
  const processor = parts.postProcessor ?? null;
  // As in Hugging Face's library, the tokenizer's own is not checked before a text is cut.
  if (options.truncation) checkTruncation(options.truncation, processor?.added(false) ?? 0);
  const count = addSpecialTokens ? (processor?.added(texts.length > 1) ?? 0) : 0;
  const cut =
    truncation === null ? texts.map((rows) => ({ rows, overflowing: [] })) : truncateRows(texts, truncation, count);
  return finish(processor, cut, addSpecialTokens);
}
