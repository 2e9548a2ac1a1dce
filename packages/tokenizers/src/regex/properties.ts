import { blockSource } from './blocks';
import { earlyScripts } from '../text/scripts';
import { posix, wordSource } from './classes';

/** The content of a class of characters and ranges, their code points in base 16. */
const listed = (ranges: string): string => ranges.replace(/\w+/g, '\\u{$&}').replace(/ /g, '');

/** POSIX names, which options of a pattern can limit to ASCII. */
const posixNames: Readonly<Record<string, string>> = {
  ...posix,
  any: '\\0-\\u{10ffff}',
  posixpunct: '\\p{P}\\p{S}',
  punct: '\\p{P}',
  word: wordSource,
};

const prepended = listed('600-605 6dd 70f 890-891 8e2 110bd 110cd');
const mathStart = listed('2202 2207 221e 1d6c1 1d6db 1d6fb 1d715 1d735 1d74f 1d76f 1d789 1d7a9 1d7c3');

/** Properties that JavaScript doesn't know, as contents of `v`-mode classes. */
const unknown: Readonly<Record<string, string>> = {
  graphemelink: listed(
    '94d 9cd a4d acd b4d bcd c4d ccd d3b-d3c d4d dca e3a eba f84 1039-103a 1714-1715 1734 17d2 1a60 1b44 ' +
      '1baa-1bab 1bf2-1bf3 2d7f a806 a82c a8c4 a953 a9c0 aaf6 abed 10a3f 11046 11070 1107f 110b9 11133-11134 ' +
      '111c0 11235 112ea 1134d 113ce-113d0 11442 114c2 115bf 1163f 116b6 1172b 11839 1193d-1193e 119e0 11a34 ' +
      '11a47 11a99 11c3f 11d44-11d45 11d97 11f41-11f42 1612f',
  ),
  hyphen: listed('2d ad 58a 1806 2010-2011 2e17 30fb fe63 ff0d ff65'),
  idcompatmathcontinue: `${mathStart}${listed('b2-b3 b9 2070 2074-207e 2080-208e')}`,
  idcompatmathstart: mathStart,
  idsunaryoperator: listed('2ffe-2fff'),
  modifiercombiningmark: listed('654-655 658 6dc 6e3 6e7-6e8 8ca-8cb 8cd-8cf 8d3 8f3'),
  newline: '\\n',
  otheralphabetic: '\\p{Alphabetic}--[\\p{L}\\p{Nl}]',
  otherdefaultignorablecodepoint: '\\p{Default_Ignorable_Code_Point}--[\\p{Cf}\\p{Variation_Selector}]',
  othergraphemeextend: '\\p{Grapheme_Extend}--[\\p{Me}\\p{Mn}]',
  otheridcontinue: '\\p{ID_Continue}--[\\p{ID_Start}\\p{Mn}\\p{Mc}\\p{Nd}\\p{Pc}]',
  otheridstart: '\\p{ID_Start}--[\\p{L}\\p{Nl}]',
  otherlowercase: '\\p{Lowercase}--\\p{Ll}',
  othermath: '\\p{Math}--\\p{Sm}',
  otheruppercase: '\\p{Uppercase}--\\p{Lu}',
  pcm: prepended,
  prependedconcatenationmark: prepended,
  wspace: '\\p{White_Space}',
};

/** JavaScript's names that are not one word with a capital: categories, properties and younger scripts. */
const spelled = (
  'AHex ASCII ASCII_Hex_Digit Bidi_C Bidi_Control CI CWCF CWCM CWL CWT CWU Case_Ignorable Changes_When_Casefolded ' +
  'Changes_When_Casemapped Changes_When_Lowercased Changes_When_Titlecased Changes_When_Uppercased DI ' +
  'Default_Ignorable_Code_Point EBase EComp EMod EPres Emoji_Component Emoji_Modifier Emoji_Modifier_Base ' +
  'Emoji_Presentation ExtPict Extended_Pictographic Gr_Base Gr_Ext Grapheme_Base Grapheme_Extend Hex_Digit IDC IDS IDSB ' +
  'IDST IDS_Binary_Operator IDS_Trinary_Operator ID_Continue ID_Start Join_C Join_Control LOE Logical_Order_Exception ' +
  'NChar Noncharacter_Code_Point Pat_Syn Pat_WS Pattern_Syntax Pattern_White_Space QMark Quotation_Mark RI ' +
  'Regional_Indicator SD STerm Sentence_Terminal Soft_Dotted Terminal_Punctuation UIdeo Unified_Ideograph VS ' +
  'Variation_Selector White_Space XIDC XIDS XID_Continue XID_Start ' +
  'Cased_Letter Close_Punctuation Connector_Punctuation Currency_Symbol Dash_Punctuation Decimal_Number Enclosing_Mark ' +
  'Final_Punctuation Initial_Punctuation LC Letter_Number Line_Separator Lowercase_Letter Math_Symbol Modifier_Letter ' +
  'Modifier_Symbol Nonspacing_Mark Open_Punctuation Other_Letter Other_Number Other_Punctuation Other_Symbol ' +
  'Paragraph_Separator Private_Use Space_Separator Spacing_Mark Titlecase_Letter Uppercase_Letter ' +
  'Cypro_Minoan Dives_Akuru Gunjala_Gondi Gurung_Khema Hanifi_Rohingya Khitan_Small_Script Kirat_Rai ' +
  'Masaram_Gondi Nag_Mundari Nyiakeng_Puachue_Hmong Ol_Onal Old_Sogdian Old_Uyghur Tulu_Tigalari Zanabazar_Square'
).split(' ');

const plain = (name: string): string => name.toLowerCase().replace(/[\s_-]/g, '');
const spellings = new Map([...spelled, ...earlyScripts].map((name) => [plain(name), name]));

/** What a property's name stands for. */
export interface Property {
  /** The content of a class that has its characters. */
  readonly source: string;
  /** POSIX's name for it in small letters, where the property is one of POSIX's classes. */
  readonly posix: string | null;
}

/**
 * What the name in `\p{…}` stands for, however it is spelled; null if nothing known.
 *
 * @param inClass It stands in a bracket class, where Oniguruma's words are fewer.
 */
export function propertyOf(given: string, inClass: boolean): Property | null {
  const name = plain(given);
  if (Object.hasOwn(posixNames, name)) {
    const source = (inClass && name === 'word' ? posix.word : posixNames[name]) as string;
    return { source, posix: name };
  }
  if (Object.hasOwn(unknown, name)) return { source: unknown[name] as string, posix: null };
  const spelling = spellings.get(name) ?? name.charAt(0).toUpperCase() + name.slice(1);
  for (const candidate of [spelling, `Script=${spelling}`, given]) {
    try {
      new RegExp(`\\p{${candidate}}`, 'v');
      return { source: `\\p{${candidate}}`, posix: null };
    } catch {
      // Not a name that JavaScript knows.
    }
  }
  const block = name.startsWith('in') ? blockSource(name.slice(2)) : undefined;
  return block === undefined ? null : { source: block, posix: null };
}
