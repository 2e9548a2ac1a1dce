import { isLater } from '../text/later';
import { earlyScripts } from '../text/scripts';
import type { PreTokenizer } from './pre-tokenizer';

const later = isLater('scripts');
/** Characters whose script has changed since. */
const earlier: Readonly<Record<string, string>> = {
  '\u0589': 'Common',
  '\u061c': 'Common',
  '\u0953': 'Devanagari',
  '\u0954': 'Devanagari',
};
let tests: readonly (readonly [string, RegExp])[] | null = null;
const known = new Map<string, string | null>();

/** A character's script, kana counted as Han; null where any script may stand (a space, what has none). */
function scriptOf(char: string): string | null {
  if (char === ' ') return null;
  if (char === 'ー') return 'Han';
  let script = known.get(char);
  if (script === undefined) {
    tests ??= earlyScripts.map((name) => [name, new RegExp(`\\p{Script=${name}}`, 'u')] as const);
    script = later(char) ? null : (earlier[char] ?? tests.find(([, test]) => test.test(char))?.[0] ?? null);
    if (script === 'Hiragana' || script === 'Katakana') script = 'Han';
    if (known.size >= 8192) known.clear();
    known.set(char, script);
  }
  return script;
}

/** Cuts where the script changes; what stands before the first script is dropped, as in Hugging Face's library. */
export function unicodeScripts(): PreTokenizer {
  return {
    split(text) {
      const cuts: number[] = [];
      let last: string | null = null;
      let at = 0;
      for (const char of text.text) {
        const script = scriptOf(char);
        if (script !== null) {
          if (script !== last) cuts.push(at);
          last = script;
        }
        at += char.length;
      }
      return cuts.map((from, i) => text.slice(from, cuts[i + 1] ?? text.length));
    },
    toJSON: () => ({ type: 'UnicodeScripts' }),
  };
}
