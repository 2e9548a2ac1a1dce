import { describe, expect, it } from 'vitest';
import { AlignedText } from '../text/aligned-text';
import { createNormalizer, normalizeText } from './create';

const inputs = ['Ｈéllo  Wörld', 'e\u0323\u0301', 'ﬁ ½ Å', 'ΣΑΣ İ ǅ', '  a b\u0085', 'a\u0301\u0301b'];
/** What Hugging Face's library (0.23) makes of the inputs. */
const expected: readonly (readonly [Record<string, unknown>, readonly string[]])[] = [
  [{ type: 'NFC' }, ['Ｈéllo  Wörld', '\u1eb9\u0301', 'ﬁ ½ Å', 'ΣΑΣ İ ǅ', '  a b\u0085', 'á\u0301b']],
  [
    { type: 'NFD' },
    ['Ｈe\u0301llo  Wo\u0308rld', 'e\u0323\u0301', 'ﬁ ½ A\u030a', 'ΣΑΣ I\u0307 ǅ', '  a b\u0085', 'a\u0301\u0301b'],
  ],
  [{ type: 'NFKC' }, ['Héllo  Wörld', '\u1eb9\u0301', 'fi 1⁄2 Å', 'ΣΑΣ İ Dž', '  a b\u0085', 'á\u0301b']],
  [
    { type: 'NFKD' },
    [
      'He\u0301llo  Wo\u0308rld',
      'e\u0323\u0301',
      'fi 1⁄2 A\u030a',
      'ΣΑΣ I\u0307 Dz\u030c',
      '  a b\u0085',
      'a\u0301\u0301b',
    ],
  ],
  [
    { type: 'Lowercase' },
    ['ｈéllo  wörld', 'e\u0323\u0301', 'ﬁ ½ å', 'σασ i\u0307 ǆ', '  a b\u0085', 'a\u0301\u0301b'],
  ],
  [
    { type: 'Sequence', normalizers: [{ type: 'NFD' }, { type: 'StripAccents' }] },
    ['Ｈello  World', 'e', 'ﬁ ½ A', 'ΣΑΣ I ǅ', '  a b\u0085', 'ab'],
  ],
  [
    { type: 'Strip', strip_left: true, strip_right: false },
    ['Ｈéllo  Wörld', 'e\u0323\u0301', 'ﬁ ½ Å', 'ΣΑΣ İ ǅ', 'a b\u0085', 'a\u0301\u0301b'],
  ],
  [
    { type: 'Replace', pattern: { Regex: '[aeiou]+' }, content: '*' },
    ['Ｈéll*  Wörld', '*\u0323\u0301', 'ﬁ ½ Å', 'ΣΑΣ İ ǅ', '  * b\u0085', '*\u0301\u0301b'],
  ],
  [
    { type: 'Prepend', prepend: '_' },
    ['_Ｈéllo  Wörld', '_e\u0323\u0301', '_ﬁ ½ Å', '_ΣΑΣ İ ǅ', '_  a b\u0085', '_a\u0301\u0301b'],
  ],
  [{ type: 'BertNormalizer' }, ['ｈello  world', 'e', 'ﬁ ½ a', 'σασ i ǆ', '  a b', 'ab']],
];

describe('createNormalizer', () => {
  for (const [config, outputs] of expected) {
    it(`${config.type} gives what Hugging Face's library gives`, () => {
      const normalizer = createNormalizer(config);
      expect(inputs.map((text) => normalizeText(normalizer, text))).toEqual(outputs);
      // Without tracking where things came from, the same text.
      expect(inputs.map((text) => normalizer.normalize(AlignedText.untracked(text)).text)).toEqual(outputs);
      expect(inputs.map((text) => normalizeText(createNormalizer(normalizer.toJSON()), text))).toEqual(outputs);
    });
  }

  it('drops and replaces as Nmt does', () => {
    expect(normalizeText(createNormalizer({ type: 'Nmt' }), 'a\u0001\tb\u200b\ufeffc\u007f\ufffdd')).toBe('a b  c d');
  });

  it('seeks nothing in an empty text', () => {
    const replaced = (pattern: object) => {
      const replace = { type: 'Replace', pattern, content: 'b' };
      const strip = { type: 'Strip', strip_left: true, strip_right: true };
      const normalizer = createNormalizer({ type: 'Sequence', normalizers: [strip, replace] });
      return ['', ' ', 'a'].map((text) => normalizeText(normalizer, text));
    };
    expect(replaced({ Regex: '$' })).toEqual(['', '', 'ab']);
    expect(replaced({ Regex: '^$' })).toEqual(['', '', 'a']);
    expect(replaced({ Regex: 'x*' })).toEqual(['', '', 'bab']);
    expect(replaced({ String: '' })).toEqual(['', '', 'bab']);
  });

  it('writes bytes in the byte alphabet, several characters for one', () => {
    const made = createNormalizer({ type: 'ByteLevel' }).normalize(AlignedText.of('é x'));
    expect(made.text).toBe('Ã©Ġx');
    expect([made.range(0, 1), made.range(1, 2), made.range(2, 3)]).toEqual([
      [0, 1],
      [0, 1],
      [1, 2],
    ]);
  });

  it('names the component that is unknown or malformed', () => {
    expect(() => createNormalizer({ type: 'Sequence', normalizers: [{ type: 'NFC' }, { type: 'Nope' }] })).toThrow(
      /normalizer\.normalizers\[1\]\.type: expected one of .*, got "Nope"/,
    );
    expect(() => createNormalizer({ type: 'Prepend' })).toThrow(/normalizer\.prepend: expected a string/);
    expect(() => createNormalizer({ type: 'Replace', pattern: 3, content: '' })).toThrow(/normalizer\.pattern/);
    expect(() => createNormalizer({ type: 'Precompiled', precompiled_charsmap: '!!' })).toThrow(/base64/);
    expect(() => createNormalizer(null)).toThrow(/normalizer: expected an object/);
    // Names of Object's own properties are no components.
    expect(() => createNormalizer({ type: 'toString' })).toThrow(/expected one of/);
  });
});
