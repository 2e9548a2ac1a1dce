import { describe, expect, it } from 'vitest';
import { byteToChar } from '../text/byte-alphabet';
import { Tokenizer } from '../tokenizer';

const words = (more: Record<string, unknown>) =>
  Tokenizer.fromJSON({
    pre_tokenizer: { type: 'WhitespaceSplit' },
    model: { type: 'WordLevel', vocab: { '<unk>': 0, a: 1, b: 2, c: 3 }, unk_token: '<unk>' },
    ...more,
  });

// Expectations of Hugging Face's library (0.23).
describe('sequence ids without a post-processor', () => {
  it('count padding as the first text where only one is known', () => {
    const padding = { length: 4 };
    expect(words({}).encode('a b', { padding }).sequenceIds).toEqual([0, 0, 0, 0]);
    expect(words({}).encode('a', { pair: 'b', padding }).sequenceIds).toEqual([0, 1, null, null]);
  });

  it('are lost in windows that overflow', () => {
    const windows = (text: string, pair: string) => {
      const made = words({}).encode(text, { pair, padding: { length: 3 }, truncation: { maxLength: 2 } });
      return [made, ...made.overflowing].map((window) => [[...window.ids], window.sequenceIds]);
    };
    expect(windows('a b', 'c')).toEqual([
      [
        [1, 3, 0],
        [0, 1, null],
      ],
      [
        [2, 3, 0],
        [0, 0, 0],
      ],
    ]);
    expect(windows('a', 'c a')).toEqual([
      [
        [1, 3, 0],
        [0, 1, null],
      ],
      [
        [1, 1, 0],
        [0, null, null],
      ],
    ]);
  });
});

describe('a template', () => {
  const part = (id: string) => (id === 'S' ? { SpecialToken: { id, type_id: 1 } } : { Sequence: { id, type_id: 0 } });
  const template = (...single: string[]) => ({
    type: 'TemplateProcessing',
    single: single.map(part),
    pair: [part('A'), part('B')],
    special_tokens: { S: { id: 'S', ids: [9], tokens: ['S'] } },
  });

  it('can have its text twice', () => {
    const tokenizer = words({ post_processor: template('A', 'S', 'A') });
    const made = tokenizer.encode('a b');
    expect([...made.ids]).toEqual([1, 2, 9, 1, 2]);
    expect(made.sequenceIds).toEqual([null, null, null, 0, 0]);
    expect(made.typeIds).toEqual([0, 0, 1, 0, 0]);
    expect(tokenizer.encodeIds('a b', { addSpecialTokens: false })).toEqual([1, 2, 1, 2]);
  });

  it('takes no more than two texts from the one before it', () => {
    const after = (...first: string[]) =>
      words({ post_processor: { type: 'Sequence', processors: [template(...first), template('A')] } });
    expect([...after('A', 'S').encode('a').ids]).toEqual([1, 9]);
    expect([...after('S', 'A', 'S').encode('a', { addSpecialTokens: false }).ids]).toEqual([1]);
    expect(() => after('S', 'A', 'S').encode('a')).toThrow(/\[TemplateProcessing\] expected one or two texts, got 3/);
  });
});

describe("BERT's special tokens", () => {
  const bert = { type: 'BertProcessing', sep: ['S', 9], cls: ['C', 8] };

  it('take those of an earlier step for text', () => {
    const made = words({ post_processor: { type: 'Sequence', processors: [bert, bert] } }).encode('a', { pair: 'b' });
    expect([...made.ids]).toEqual([8, 8, 1, 9, 9, 2, 9, 9]);
    expect(made.typeIds).toEqual([0, 0, 0, 0, 0, 1, 1, 1]);
    expect(made.specialTokensMask).toEqual([1, 0, 0, 0, 1, 0, 0, 1]);
    expect(made.sequenceIds).toEqual([null, 0, 0, 0, null, 1, 1, null]);
  });

  it("stand for RoBERTa's where a setting of that is absent", () => {
    const made = words({ post_processor: { ...bert, type: 'RobertaProcessing', trim_offsets: true } });
    expect([...made.encode('a', { pair: 'b' }).ids]).toEqual([8, 1, 9, 2, 9]);
  });
});

describe('ByteLevel', () => {
  const alphabet = Array.from({ length: 256 }, (_, byte) => byteToChar(byte));
  const step = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true };
  const tokenizer = Tokenizer.fromJSON({
    added_tokens: [{ id: 256, content: '<mask>', special: true, normalized: false }],
    pre_tokenizer: step,
    post_processor: step,
    model: { type: 'BPE', vocab: Object.fromEntries(alphabet.map((char, id) => [char, id])), merges: [] },
  });

  // Offsets of Hugging Face's library (0.23.3) in UTF-16 units.
  it.each([
    ['<mask>👍', [0, 6, 8, 8, 6, 8, 6, 8, 6, 8, 6, 8]],
    ['👍<mask>x', [0, 0, 0, 2, 0, 2, 0, 2, 0, 2, 2, 8, 9, 9, 8, 9]],
    ['a 👍', [0, 0, 0, 1, 2, 2, 2, 4, 2, 4, 2, 4, 2, 4]],
  ])('trims offsets between characters: %s', (text, expected) => {
    expect(tokenizer.encode(text).offsets.flat()).toEqual(expected);
  });

  it('takes as long as the spaces that a token takes with it', () => {
    const space = { id: 256, content: '<mask>', special: true, normalized: false, lstrip: true };
    const wide = Tokenizer.fromJSON({ ...(tokenizer.toJSON() as object), added_tokens: [space] });
    const n = 300_000;
    expect(wide.encode(`a${' '.repeat(n)}<mask>`).offsets.at(-1)).toEqual([n + 1, n + 7]);
  });
});
