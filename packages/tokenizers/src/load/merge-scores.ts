import { unitsAt } from '../text/unicode';

/**
 * Scores of tokens from which SentencePiece's rule (the neighbours that spell the token of the highest score are joined
 * first) makes the same merges; null if there are none. There are if every way to make a token of two others is a merge,
 * and the merges of one token stand together.
 *
 * @param tokens Every token that text may become.
 */
export function scoresOfMerges(
  merges: readonly (readonly [string, string])[],
  tokens: ReadonlySet<string>,
): Map<string, number> | null {
  const scores = new Map<string, number>();
  const counts = new Map<string, number>();
  let current = '';
  for (const [left, right] of merges) {
    const made = left + right;
    if (made !== current && scores.has(made)) return null;
    if (made !== current) scores.set(made, -scores.size - 1);
    current = made;
    counts.set(made, (counts.get(made) ?? 0) + 1);
  }
  for (const token of tokens) {
    let ways = 0;
    for (let at = unitsAt(token, 0); at < token.length; at += unitsAt(token, at))
      if (tokens.has(token.slice(0, at)) && tokens.has(token.slice(at))) ways++;
    if (ways !== (counts.get(token) ?? 0)) return null;
  }
  // Single characters come last, as SentencePiece writes them.
  const last = -scores.size - 1;
  for (const token of tokens) if (!scores.has(token)) scores.set(token, last);
  return scores;
}
