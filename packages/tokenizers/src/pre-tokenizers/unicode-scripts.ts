import { isLater } from '../text/later';
import type { PreTokenizer } from './pre-tokenizer';

const names = (
  'Common Latin Cyrillic Han Arabic Greek Hangul Devanagari Hebrew Thai Inherited Hiragana Katakana Adlam Ahom ' +
  'Anatolian_Hieroglyphs Armenian Avestan Balinese Bamum Bassa_Vah Batak Bengali Bhaiksuki Bopomofo Brahmi Braille ' +
  'Buginese Buhid Canadian_Aboriginal Carian Caucasian_Albanian Chakma Cham Cherokee Coptic Cuneiform Cypriot Deseret ' +
  'Duployan Egyptian_Hieroglyphs Elbasan Ethiopic Georgian Glagolitic Gothic Grantha Gujarati Gurmukhi Hanunoo Hatran ' +
  'Imperial_Aramaic Inscriptional_Pahlavi Inscriptional_Parthian Javanese Kaithi Kannada Kayah_Li Kharoshthi Khmer Khojki ' +
  'Khudawadi Lao Lepcha Limbu Linear_A Linear_B Lisu Lycian Lydian Mahajani Malayalam Mandaic Manichaean Marchen ' +
  'Meetei_Mayek Mende_Kikakui Meroitic_Cursive Meroitic_Hieroglyphs Miao Modi Mongolian Mro Multani Myanmar Nabataean ' +
  'New_Tai_Lue Newa Nko Ogham Ol_Chiki Old_Hungarian Old_Italic Old_North_Arabian Old_Permic Old_Persian ' +
  'Old_South_Arabian Old_Turkic Oriya Osage Osmanya Pahawh_Hmong Palmyrene Pau_Cin_Hau Phags_Pa Phoenician ' +
  'Psalter_Pahlavi Rejang Runic Samaritan Saurashtra Sharada Shavian Siddham SignWriting Sinhala Sora_Sompeng Sundanese ' +
  'Syloti_Nagri Syriac Tagalog Tagbanwa Tai_Le Tai_Tham Tai_Viet Takri Tamil Tangut Telugu Thaana Tibetan Tifinagh ' +
  'Tirhuta Ugaritic Vai Warang_Citi Yi'
).split(' ');
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
    tests ??= names.map((name) => [name, new RegExp(`\\p{Script=${name}}`, 'u')] as const);
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
