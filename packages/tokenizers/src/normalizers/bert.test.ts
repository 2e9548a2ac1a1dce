import { describe, expect, it } from 'vitest';
import { AlignedText } from '../text/aligned-text';
import { bertNormalizer } from './bert';

const apply = (text: string, options = {}) => bertNormalizer(options).normalize(AlignedText.of(text)).text;

describe('bertNormalizer', () => {
  it('keeps accents if asked, spaces Chinese, drops controls', () => {
    expect(apply('Éa\u0000中文b', { stripAccents: false })).toBe('éa 中  文 b');
    expect(apply('\u200dx\ufffdy\tz', { stripAccents: false })).toBe('xy z');
  });

  it('strips accents with lower-casing unless told', () => {
    expect(apply('ÉCOLE')).toBe('ecole');
    expect(apply('École', { lowercase: false })).toBe('École');
    expect(apply('École', { lowercase: false, stripAccents: true })).toBe('Ecole');
  });

  it('lower-cases each character alone: no final sigma', () => {
    expect(apply('ΟΔΟΣ')).toBe('οδοσ');
  });

  it('does nothing that is switched off', () => {
    const off = { cleanText: false, handleChineseChars: false, lowercase: false };
    expect(apply('É\u0001中', off)).toBe('É\u0001中');
  });

  it('remembers where characters came from', () => {
    const made = bertNormalizer().normalize(AlignedText.of('a\u0001É中'));
    expect(made.text).toBe('ae 中 ');
    expect(made.range(1, 2)).toEqual([2, 3]);
    expect(made.range(3, 4)).toEqual([3, 4]);
  });
});
