import { describe, expect, it } from 'vitest';
import { AlignedText } from '../text/aligned-text';
import { metaspace } from './metaspace';

const pieces = (text: AlignedText, options = {}) =>
  metaspace(options)
    .split(text)
    .map((p) => p.text);

describe('metaspace', () => {
  it('prepends always, first, or never', () => {
    const later = AlignedText.of('x a b').slice(2, 5);
    expect(pieces(later)).toEqual(['▁a', '▁b']);
    expect(pieces(later, { prependScheme: 'first' })).toEqual(['a', '▁b']);
    expect(pieces(AlignedText.of('a b'), { prependScheme: 'first' })).toEqual(['▁a', '▁b']);
    expect(pieces(AlignedText.of('a b'), { prependScheme: 'never' })).toEqual(['a', '▁b']);
  });

  it('prepends nothing to a text that begins with a mark', () => {
    expect(pieces(AlignedText.of(' a'))).toEqual(['▁a']);
    expect(pieces(AlignedText.of('▁a'))).toEqual(['▁a']);
  });

  it('leaves the text whole if told', () => {
    expect(pieces(AlignedText.of('a  b'), { split: false })).toEqual(['▁a▁▁b']);
  });
});
