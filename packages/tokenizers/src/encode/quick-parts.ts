import type { Normalizer } from '../normalizers/normalizer';
import { AlignedText } from '../text/aligned-text';
import { checkText } from '../text/well-formed';
import type { AddedTokens, AllowedSpecial } from './added-tokens';

/** An added token, or text [from, to) without any. */
export type QuickPart = { readonly id: number } | { readonly text: string; readonly from: number; readonly to: number };

/**
 * What the quick way takes of a text: ids of added tokens, and normalised text between them.
 *
 * @param prefixesSpace A space goes before text that begins with none.
 */
export function quickParts(
  added: AddedTokens,
  normalizer: Normalizer | null,
  prefixesSpace: boolean,
  text: string,
  allowed: AllowedSpecial,
): QuickPart[] {
  const out: QuickPart[] = [];
  /** Units [from, to), in which no token is sought before they are normalised. */
  const put = (from: number, to: number) => {
    let made = { text, from, to };
    if (normalizer || prefixesSpace) checkText(text.slice(from, to), from);
    if (normalizer) {
      const normal = normalizer.normalize(AlignedText.untracked(text.slice(from, to))).text;
      made = { text: normal, from: 0, to: normal.length };
    }
    for (const stretch of added.normalStretches(made.text, made.from, made.to, allowed)) {
      if (stretch.token !== null) out.push({ id: stretch.token.id });
      else if (prefixesSpace && stretch.to > stretch.from && made.text[stretch.from] !== ' ')
        out.push({ text: ` ${made.text.slice(stretch.from, stretch.to)}`, from: 0, to: stretch.to - stretch.from + 1 });
      else out.push({ text: made.text, from: stretch.from, to: stretch.to });
    }
  };
  for (const { from, to, token } of added.stretches(text, allowed)) {
    if (token !== null) out.push({ id: token.id });
    else put(from, to);
  }
  return out;
}
