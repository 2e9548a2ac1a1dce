/**
 * The blocks of Unicode 16 in order, as Oniguruma's `\p{In…}` names them: name, `:`, and how many times 16 characters it
 * has, in base 36. Without a name: characters of no block.
 */
const encoded =
  'basiclatin:8 latin1supplement:8 latinextendeda:8 latinextendedb:d ipaextensions:6 spacingmodifierletters:5 ' +
  'combiningdiacriticalmarks:7 greekandcoptic:9 cyrillic:g cyrillicsupplement:3 armenian:6 hebrew:7 arabic:g ' +
  'syriac:5 arabicsupplement:3 thaana:4 nko:4 samaritan:4 mandaic:2 syriacsupplement:1 arabicextendedb:3 ' +
  'arabicextendeda:6 devanagari:8 bengali:8 gurmukhi:8 gujarati:8 oriya:8 tamil:8 telugu:8 kannada:8 malayalam:8 ' +
  'sinhala:8 thai:8 lao:8 tibetan:g myanmar:a georgian:6 hanguljamo:g ethiopic:o ethiopicsupplement:2 cherokee:6 ' +
  'unifiedcanadianaboriginalsyllabics:14 ogham:2 runic:6 tagalog:2 hanunoo:2 buhid:2 tagbanwa:2 khmer:8 mongolian:b ' +
  'unifiedcanadianaboriginalsyllabicsextended:5 limbu:5 taile:3 newtailue:6 khmersymbols:2 buginese:2 taitham:9 ' +
  'combiningdiacriticalmarksextended:5 balinese:8 sundanese:4 batak:4 lepcha:5 olchiki:3 cyrillicextendedc:1 ' +
  'georgianextended:3 sundanesesupplement:1 vedicextensions:3 phoneticextensions:8 phoneticextensionssupplement:4 ' +
  'combiningdiacriticalmarkssupplement:4 latinextendedadditional:g greekextended:g generalpunctuation:7 ' +
  'superscriptsandsubscripts:3 currencysymbols:3 combiningdiacriticalmarksforsymbols:3 letterlikesymbols:5 ' +
  'numberforms:4 arrows:7 mathematicaloperators:g miscellaneoustechnical:g controlpictures:4 ' +
  'opticalcharacterrecognition:2 enclosedalphanumerics:a boxdrawing:8 blockelements:2 geometricshapes:6 ' +
  'miscellaneoussymbols:g dingbats:c miscellaneousmathematicalsymbolsa:3 supplementalarrowsa:1 braillepatterns:g ' +
  'supplementalarrowsb:8 miscellaneousmathematicalsymbolsb:8 supplementalmathematicaloperators:g ' +
  'miscellaneoussymbolsandarrows:g glagolitic:6 latinextendedc:2 coptic:8 georgiansupplement:3 tifinagh:5 ' +
  'ethiopicextended:6 cyrillicextendeda:2 supplementalpunctuation:8 cjkradicalssupplement:8 kangxiradicals:e :1 ' +
  'ideographicdescriptioncharacters:1 cjksymbolsandpunctuation:4 hiragana:6 katakana:6 bopomofo:3 ' +
  'hangulcompatibilityjamo:6 kanbun:1 bopomofoextended:2 cjkstrokes:3 katakanaphoneticextensions:1 ' +
  'enclosedcjklettersandmonths:g cjkcompatibility:g cjkunifiedideographsextensiona:bg yijinghexagramsymbols:4 ' +
  'cjkunifiedideographs:10g yisyllables:21 yiradicals:4 lisu:3 vai:k cyrillicextendedb:6 bamum:6 ' +
  'modifiertoneletters:2 latinextendedd:e sylotinagri:3 commonindicnumberforms:1 phagspa:4 saurashtra:6 ' +
  'devanagariextended:2 kayahli:3 rejang:3 hanguljamoextendeda:2 javanese:6 myanmarextendedb:2 cham:6 ' +
  'myanmarextendeda:2 taiviet:6 meeteimayekextensions:2 ethiopicextendeda:3 latinextendede:4 cherokeesupplement:5 ' +
  'meeteimayek:4 hangulsyllables:jf hanguljamoextendedb:5 highsurrogates:1k highprivateusesurrogates:8 ' +
  'lowsurrogates:1s privateusearea:b4 cjkcompatibilityideographs:w alphabeticpresentationforms:5 ' +
  'arabicpresentationformsa:17 variationselectors:1 verticalforms:1 combininghalfmarks:1 cjkcompatibilityforms:2 ' +
  'smallformvariants:2 arabicpresentationformsb:9 halfwidthandfullwidthforms:f specials:1 linearbsyllabary:8 ' +
  'linearbideograms:8 aegeannumbers:4 ancientgreeknumbers:5 ancientsymbols:4 phaistosdisc:3 :8 lycian:2 carian:4 ' +
  'copticepactnumbers:2 olditalic:3 gothic:2 oldpermic:3 ugaritic:2 oldpersian:4 :2 deseret:5 shavian:3 osmanya:3 ' +
  'osage:5 elbasan:3 caucasianalbanian:4 vithkuqi:5 todhri:4 lineara:o latinextendedf:4 :4 cypriotsyllabary:4 ' +
  'imperialaramaic:2 palmyrene:2 nabataean:3 :3 hatran:2 phoenician:2 lydian:2 :4 meroitichieroglyphs:2 ' +
  'meroiticcursive:6 kharoshthi:6 oldsoutharabian:2 oldnortharabian:2 :2 manichaean:4 avestan:4 ' +
  'inscriptionalparthian:2 inscriptionalpahlavi:2 psalterpahlavi:3 :5 oldturkic:5 :3 oldhungarian:8 ' +
  'hanifirohingya:4 garay:5 :d ruminumeralsymbols:2 yezidi:4 arabicextendedc:4 oldsogdian:3 sogdian:4 olduyghur:4 ' +
  'chorasmian:3 elymaic:2 brahmi:8 kaithi:5 sorasompeng:3 chakma:5 mahajani:3 sharada:6 sinhalaarchaicnumbers:2 ' +
  'khojki:5 :3 multani:3 khudawadi:5 grantha:8 tulutigalari:8 newa:8 tirhuta:6 :a siddham:8 modi:6 ' +
  'mongoliansupplement:2 takri:5 myanmarextendedc:3 ahom:5 :b dogra:5 :5 warangciti:6 divesakuru:6 :4 nandinagari:6 ' +
  'zanabazarsquare:5 soyombo:6 unifiedcanadianaboriginalsyllabicsextendeda:1 paucinhau:4 devanagariextendeda:6 :6 ' +
  'sunuwar:4 bhaiksuki:7 marchen:5 :4 masaramgondi:6 gunjalagondi:5 :j makasar:2 kawi:6 :5 lisusupplement:1 ' +
  'tamilsupplement:4 cuneiform:1s cuneiformnumbersandpunctuation:8 earlydynasticcuneiform:d :4k cyprominoan:7 ' +
  'egyptianhieroglyphs:1v egyptianhieroglyphformatcontrols:3 egyptianhieroglyphsextendeda:6y ' +
  'anatolianhieroglyphs:14 :bs gurungkhema:4 :30 bamumsupplement:10 mro:3 tangsa:6 bassavah:3 pahawhhmong:9 :r ' +
  'kiratrai:4 :c medefaidrin:6 :6 miao:a :4 ideographicsymbolsandpunctuation:2 tangut:ao tangutcomponents:1c ' +
  'khitansmallscript:w tangutsupplement:8 :fb kanaextendedb:1 kanasupplement:g kanaextendeda:3 smallkanaextension:4 ' +
  'nushu:p :40 duployan:a shorthandformatcontrols:1 :6t symbolsforlegacycomputingsupplement:18 :4 ' +
  'znamennymusicalnotation:d :3 byzantinemusicalsymbols:g musicalsymbols:g ancientgreekmusicalnotation:5 :7 ' +
  'kaktoviknumerals:2 mayannumerals:2 taixuanjingsymbols:6 countingrodnumerals:2 :8 ' +
  'mathematicalalphanumericsymbols:1s suttonsignwriting:17 :1x latinextendedg:g glagoliticsupplement:3 ' +
  'cyrillicextendedd:6 :7 nyiakengpuachuehmong:5 :k toto:3 wancho:4 :t nagmundari:3 :d olonal:3 :u ' +
  'ethiopicextendedb:2 mendekikakui:e :2 adlam:6 :1d indicsiyaqnumbers:5 :4 ottomansiyaqnumbers:5 :b ' +
  'arabicmathematicalalphabeticsymbols:g :g mahjongtiles:3 dominotiles:7 playingcards:6 ' +
  'enclosedalphanumericsupplement:g enclosedideographicsupplement:g miscellaneoussymbolsandpictographs:1c ' +
  'emoticons:5 ornamentaldingbats:3 transportandmapsymbols:8 alchemicalsymbols:8 geometricshapesextended:8 ' +
  'supplementalarrowsc:g supplementalsymbolsandpictographs:g chesssymbols:7 symbolsandpictographsextendeda:9 ' +
  'symbolsforlegacycomputing:g :1s cjkunifiedideographsextensionb:226 :2 cjkunifiedideographsextensionc:78 ' +
  'cjkunifiedideographsextensiond:e cjkunifiedideographsextensione:a1 cjkunifiedideographsextensionf:d0 ' +
  'cjkunifiedideographsextensioni:13 :4a cjkcompatibilityideographssupplement:y :2m ' +
  'cjkunifiedideographsextensiong:8l cjkunifiedideographsextensionh:7a :ybp tags:8 :8 ' +
  'variationselectorssupplement:f :34x supplementaryprivateuseareaa:35s supplementaryprivateuseareab:35s';

let blocks: ReadonlyMap<string, string> | null = null;

function decode(): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  let from = 0;
  let outside = '';
  for (const block of encoded.split(' ')) {
    const [name = '', size = ''] = block.split(':');
    const to = from + 16 * Number.parseInt(size, 36);
    const source = `\\u{${from.toString(16)}}-\\u{${(to - 1).toString(16)}}`;
    if (name === '') outside += source;
    else found.set(name, source);
    from = to;
  }
  return found.set('noblock', outside);
}

/**
 * The content of a `v`-mode class that has a block's characters, or undefined.
 *
 * @param name In small letters without anything between its words.
 */
export function blockSource(name: string): string | undefined {
  blocks ??= decode();
  return blocks.get(name);
}
