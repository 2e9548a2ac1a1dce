import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../index';
import { looksAtPlaces } from './places';

const first = { type: 'Metaspace', replacement: '▁', prepend_scheme: 'first', split: false };

describe('looksAtPlaces', () => {
  it('is true for a Metaspace that looks for the beginning', () => {
    const sequence = (...pretokenizers: unknown[]) => ({ type: 'Sequence', pretokenizers });
    expect(looksAtPlaces(first)).toBe(true);
    expect(looksAtPlaces(sequence({ type: 'UnicodeScripts' }, sequence(first)))).toBe(true);
    expect(looksAtPlaces(sequence({ ...first, prepend_scheme: 'always' }))).toBe(false);
    expect(looksAtPlaces(undefined)).toBe(false);
  });

  // Ids of Hugging Face tokenizers 0.23.2.
  const scripts = { type: 'Sequence', pretokenizers: [{ type: 'UnicodeScripts' }, first] };
  it.each([
    ['ŉ', scripts, [1, 3]],
    ['\u001bn', scripts, [4]],
    ['n', scripts, [3]],
    ['ʼn', scripts, [1, 4]],
    ['n', first, [3]],
    ['\u001bn', first, [4]],
    ['\u001b n', first, [3]],
  ])('puts a mark where the input begins, whatever the normaliser did: %j %#', (text, pre_tokenizer, ids) => {
    const tokenizer = Tokenizer.fromJSON({
      normalizer: { type: 'Sequence', normalizers: [{ type: 'Nmt' }, { type: 'NFKC' }] },
      pre_tokenizer,
      model: { type: 'WordLevel', vocab: { '?': 0, '▁ʼ': 1, ʼ: 2, '▁n': 3, n: 4 }, unk_token: '?' },
    });
    expect(tokenizer.encodeIds(text)).toEqual(ids);
    expect([...tokenizer.encode(text).ids]).toEqual(ids);
    expect(tokenizer.encode(text).tokens.length).toBe(ids.length);
  });
});
