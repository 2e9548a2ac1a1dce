import { describe, expect, it } from 'vitest';
import { AlignedText } from '../text/aligned-text';
import { compileCharacterMap } from './charsmap.test-support';
import { CharacterMap, Precompiled, fromBase64, toBase64 } from './precompiled';

const bytes = compileCharacterMap({ ﬁ: 'fi', 'e\u0301': 'é', '㌀': 'アパート', '\u200b': '', ab: 'X', abc: 'Y' });
const utf8 = (text: string) => new TextEncoder().encode(text);

describe('CharacterMap', () => {
  const map = new CharacterMap(bytes, 'place');

  it('finds the shortest entry for a cluster, the longest at a place', () => {
    expect(map.lookUp('abc')).toBe('X');
    expect(map.longest(utf8('xabcd'), 1)).toEqual({ size: 3, text: 'Y' });
    expect(map.longest(utf8('abd'), 0)).toEqual({ size: 2, text: 'X' });
    expect(map.longest(utf8('a'), 0)).toBeNull();
    expect(map.lookUp('q')).toBeNull();
    expect(map.lookUp('\u200b')).toBe('');
  });

  it('refuses bytes that are no map', () => {
    for (const wrong of [new Uint8Array(0), Uint8Array.of(1, 2, 3), Uint8Array.of(8, 0, 0, 0, 1, 2)])
      expect(() => new CharacterMap(wrong, 'place')).toThrow(/place: expected a character map/);
  });

  it('reads no unit beyond its end', () => {
    // The root points far outside.
    const wild = Uint8Array.of(4, 0, 0, 0, 0, 0xff, 0xff, 0xff);
    expect(new CharacterMap(wild, 'place').lookUp('a')).toBeNull();
    expect(new CharacterMap(wild, 'place').longest(utf8('a'), 0)).toBeNull();
  });
});

describe('Precompiled', () => {
  const normalizer = new Precompiled(toBase64(bytes));

  it('replaces clusters of few bytes whole, else characters', () => {
    const made = normalizer.normalize(AlignedText.of('ﬁx e\u0301 ㌀\u200b!'));
    expect(made.text).toBe('fix é アパート!');
    expect(made.range(0, 2)).toEqual([0, 1]);
    expect(made.range(2, 3)).toEqual([1, 2]);
  });

  it('takes ASCII behind a prepended character for part of its cluster', () => {
    const text = (source: string) => normalizer.normalize(AlignedText.of(source)).text;
    expect(text('\u06dde\u0301')).toBe('\u06dde\u0301');
    expect(text('\u06dd\re\u0301')).toBe('\u06dd\ré');
    expect(text('日e\u0301')).toBe('日é');
  });

  it('leaves text alone without a map', () => {
    const text = AlignedText.of('ﬁ');
    expect(new Precompiled('').normalize(text)).toBe(text);
  });

  it('is written as it was read', () => {
    expect(normalizer.toJSON()).toEqual({ type: 'Precompiled', precompiled_charsmap: toBase64(bytes) });
    expect(fromBase64(toBase64(bytes), '')).toEqual(bytes);
  });
});
