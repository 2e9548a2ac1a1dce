/** Characters that join the next one (Grapheme_Cluster_Break=Prepend). */
const prepend = hex(
  '600-605 6dd 70f 890 891 8e2 d4e 110bd 110cd 111c2 111c3 1193f 11941 11a3a 11a84-11a89 11d46 11f02',
);
/** Marks with a width of their own that belong to no cluster before them. */
const standing = hex(
  '102b 102c 1038 1062-1064 1067-106d 1083 1087-108c 108f 109a-109c 1a61 1a63 1a64 aa7b aa7d 11720 11721',
);
const extend = '[\\p{Grapheme_Extend}\\p{Emoji_Modifier}]';
const control = `[[\\p{Zl}\\p{Zp}\\p{Cc}\\p{Cf}]&&[^${prepend}\\p{Grapheme_Extend}\\x{200d}]]`;
const tail = `[${extend}\\x{200d}\\x{e33}\\x{eb3}[\\p{Mc}&&[^${standing}]]]*`;
const leading = hex('1100-115f a960-a97c');
const vowel = hex('1160-11a7 d7b0-d7c6');
const trailing = hex('11a8-11ff d7cb-d7fb');
const syllable = hex('ac00-d7a3');
/** Syllables without a trailing consonant: every 28th. */
const openSyllable = `[${Array.from({ length: 399 }, (_, i) => `\\x{${(0xac00 + 28 * i).toString(16)}}`).join('')}]`;
const hangul = `${leading}*(?:${openSyllable}${vowel}*|${syllable}|${vowel}+)${trailing}*|${leading}+|${trailing}+`;
const emoji = `\\p{Extended_Pictographic}(?:${extend}*\\x{200d}\\p{Extended_Pictographic})*`;
const flag = '[\\x{1f1e6}-\\x{1f1ff}]{2}';

/** An extended grapheme cluster, `\X`, as a pattern. @see Unicode Standard Annex 29. */
export const graphemePattern = `(?>\\r\\n|[\\r\\n]|${control}|${prepend}*(?:${hangul}|${emoji}|${flag}|[^\\r\\n${control}])${tail})`;

/** A class of characters and ranges by their code points. */
function hex(points: string): string {
  return `[${points.replace(/ ?(\w+)/g, '\\x{$1}')}]`;
}
