import type { MarkedText } from './marked-text';
import type { Run } from './run';
import { concat } from './values';

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  "'": '&#39;',
  '"': '&#34;',
};

/** A text as markup, which what already is markup stays. */
export function escapeText(value: MarkedText): MarkedText {
  return value.safe ? value : value.replaceMatches(/[&<>'"]/g, (char) => entities[char] as string).as(true);
}

/** Python's + of strings: next to markup, the other one is escaped. */
export function plus(run: Run, a: MarkedText, b: MarkedText): MarkedText {
  if (!a.safe && !b.safe) return concat(run, [a, b]);
  return concat(run, [escapeText(a), escapeText(b)]).as(true);
}
