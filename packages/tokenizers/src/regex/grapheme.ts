/** Characters that join the next one (Grapheme_Cluster_Break=Prepend). */
const prepend =
  '[\\x{600}-\\x{605}\\x{6dd}\\x{70f}\\x{890}\\x{891}\\x{8e2}\\x{d4e}\\x{110bd}\\x{110cd}\\x{111c2}\\x{111c3}\\x{1193f}\\x{11941}\\x{11a3a}\\x{11a84}-\\x{11a89}\\x{11d46}\\x{11f02}]';
/** Marks with a width of their own that belong to no cluster before them. */
const standing =
  '[\\x{102b}\\x{102c}\\x{1038}\\x{1062}-\\x{1064}\\x{1067}-\\x{106d}\\x{1083}\\x{1087}-\\x{108c}\\x{108f}\\x{109a}-\\x{109c}\\x{1a61}\\x{1a63}\\x{1a64}\\x{aa7b}\\x{aa7d}\\x{11720}\\x{11721}]';
const extend = '[\\p{Grapheme_Extend}\\p{Emoji_Modifier}]';
const control = `[[\\p{Zl}\\p{Zp}\\p{Cc}\\p{Cf}]&&[^${prepend}\\p{Grapheme_Extend}\\x{200d}]]`;
const tail = `[${extend}\\x{200d}\\x{e33}\\x{eb3}[\\p{Mc}&&[^${standing}]]]*`;
const leading = '[\\x{1100}-\\x{115f}\\x{a960}-\\x{a97c}]';
const vowel = '[\\x{1160}-\\x{11a7}\\x{d7b0}-\\x{d7c6}]';
const trailing = '[\\x{11a8}-\\x{11ff}\\x{d7cb}-\\x{d7fb}]';
const syllable = '[\\x{ac00}-\\x{d7a3}]';
/** Syllables without a trailing consonant: every 28th. */
const openSyllable = `[${Array.from({ length: 399 }, (_, i) => `\\x{${(0xac00 + 28 * i).toString(16)}}`).join('')}]`;
const hangul = `${leading}*(?:${openSyllable}${vowel}*|${syllable}|${vowel}+)${trailing}*|${leading}+|${trailing}+`;
const emoji = `\\p{Extended_Pictographic}(?:${extend}*\\x{200d}\\p{Extended_Pictographic})*`;
const flag = '[\\x{1f1e6}-\\x{1f1ff}]{2}';

/** An extended grapheme cluster, `\X`, as a pattern. @see Unicode Standard Annex 29. */
export const graphemePattern = `(?>\\r\\n|[\\r\\n]|${control}|${prepend}*(?:${hangul}|${emoji}|${flag}|[^\\r\\n${control}])${tail})`;
