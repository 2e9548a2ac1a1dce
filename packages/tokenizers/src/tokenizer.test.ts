import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Tokenizer, TokenizerError, createNormalizer, template, trainBpe } from './index';

const corpus = ['the theatre there, then the other', 'a red hat, a red head — naïve café', 'lower lowest low 1234 12'];
let tokenizer: Tokenizer;
beforeAll(async () => {
  tokenizer = await trainBpe(corpus, { vocabSize: 300, specialTokens: ['<|end|>'] });
});

describe('byte-level BPE', () => {
  it('gives any text back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => {
        expect(
          tokenizer.decode(tokenizer.encodeIds(text, { allowedSpecial: 'none' }), { skipSpecialTokens: false }),
        ).toBe(text);
      }),
      { numRuns: 500 },
    );
  });

  it('with dropout, ids, offsets and tokens are of the same cuts', () => {
    const json = tokenizer.toJSON() as { model: object };
    const random = Tokenizer.fromJSON({ ...json, model: { ...json.model, dropout: 0.5 } });
    const text = corpus.join(' ');
    const lengths = new Set<number>();
    for (let i = 0; i < 20; i++) {
      const encoding = random.encode(text);
      expect(encoding.offsets.length).toBe(encoding.ids.length);
      expect(encoding.tokens).toEqual(Array.from(encoding.ids, (id) => random.idToToken(id)));
      lengths.add(encoding.ids.length);
    }
    expect(lengths.size).toBeGreaterThan(1);
  });

  it('streams the same text whatever the ids are, and never half a character', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 299 }), { maxLength: 40 }), (ids) => {
        const stream = tokenizer.decodeStream();
        const parts = ids.map((id) => stream.push(id));
        parts.push(stream.flush());
        expect(parts.join('')).toBe(tokenizer.decode(ids));
      }),
    );
    const stream = tokenizer.decodeStream();
    const shown = Array.from(tokenizer.encodeIds('日本'), (id) => stream.push(id));
    expect(shown.filter((s) => s.includes('\ufffd'))).toEqual([]);
  });

  it('gives the same ids behind clearCache', () => {
    const texts = [...corpus, 'theatrical lowering of the lowest'];
    const first = texts.map((text) => tokenizer.encodeIds(text));
    tokenizer.clearCache();
    expect(texts.map((text) => tokenizer.encodeIds(text))).toEqual(first);
  });

  it('has offsets that slice the text to what the token decodes to, for whole characters', () => {
    const text = 'the café, 1234 — low';
    const { ids, offsets } = tokenizer.encode(text);
    ids.forEach((id, i) => {
      const decoded = tokenizer.decode([id]);
      if (!decoded.includes('\ufffd')) expect(text.slice(...offsets[i]!)).toBe(decoded);
    });
  });

  // As Hugging Face tokenizers 0.23.2.
  it('cuts the second text only where asked to, however much of the first would do', () => {
    const text = 'the theatre 1234 12';
    const { length } = tokenizer.encodeIds(text);
    const cut = (maxLength: number, direction: 'left' | 'right') =>
      tokenizer.encode(text, { pair: '', truncation: { maxLength, strategy: 'only_second', direction } });
    for (const direction of ['left', 'right'] as const) {
      for (let most = 1; most < length; most++) expect(() => cut(most, direction)).toThrow(/got 0/);
      expect(cut(length, direction).length).toBe(length);
    }
  });

  it('stays near linear on a million equal letters', () => {
    const ids = tokenizer.encodeIds('a'.repeat(1_000_000));
    expect(tokenizer.decode(ids).length).toBe(1_000_000);
  });
});

describe('lone surrogates', () => {
  it.each([
    ['alone', '\ud800', 0],
    ['behind much text', `${'the theatre é\n'.repeat(9000)}\udc00 there`, 126000],
    ['as the first of a pair that is not whole', 'a\ud83d', 1],
  ])('are refused where they are: %s', (_, text, place) => {
    const refused = (where: string) =>
      expect.objectContaining({ code: 'invalid_text', message: expect.stringContaining(`place ${place}${where};`) });
    const error = refused('');
    expect(() => tokenizer.encodeIds(text)).toThrow(error);
    expect(() => tokenizer.encode(text, { padding: {} })).toThrow(error);
    expect(() => tokenizer.encode('the', { pair: text })).toThrow(error);
    expect(() => tokenizer.encode('the', { pair: [text] })).toThrow(refused(' of word 0'));
    const normalized = new Tokenizer({ ...tokenizer.parts, normalizer: createNormalizer({ type: 'NFC' }) });
    expect(() => normalized.encodeIds(text)).toThrow(error);
  });
});

describe('special tokens', () => {
  it('are found in text, or not, as asked', () => {
    const end = tokenizer.tokenToId('<|end|>') as number;
    expect(tokenizer.encodeIds('low<|end|>')).toContain(end);
    expect(tokenizer.encodeIds('low<|end|>', { allowedSpecial: 'none' })).not.toContain(end);
    expect(tokenizer.encodeIds('low<|end|>', { allowedSpecial: ['<|end|>'], disallowedSpecial: 'all' })).toContain(end);
    for (const options of [
      { allowedSpecial: 'none', disallowedSpecial: 'all' },
      { allowedSpecial: [], disallowedSpecial: 'all' },
      { disallowedSpecial: ['<|end|>'] },
    ] as const) {
      expect(() => tokenizer.encodeIds('low<|end|>', options)).toThrow(/expected a text without "<\|end\|>"/);
      expect(() => tokenizer.encode('low', { ...options, pair: 'x<|end|>' })).toThrow(/expected a text without/);
      expect(tokenizer.encodeIds('low', options)).not.toContain(end);
    }
    expect(tokenizer.decode([end])).toBe('');
    expect(tokenizer.decode([end], { skipSpecialTokens: false })).toBe('<|end|>');
  });

  it('are put around a text by a template, with offsets [0, 0]', () => {
    const id = tokenizer.tokenToId('<|end|>') as number;
    const framed = new Tokenizer({
      ...tokenizer.parts,
      postProcessor: template({ before: [{ token: '<|end|>', id }] }),
    });
    const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(framed)));
    const { ids, offsets } = again.encode('low');
    expect(ids[0]).toBe(id);
    expect(offsets[0]).toEqual([0, 0]);
    expect(again.encodeIds('low', { addSpecialTokens: false })[0]).not.toBe(id);
  });
});

describe('tokenizer.json', () => {
  it('round-trips', () => {
    const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)));
    for (const text of corpus) expect(again.encode(text).tokens).toEqual(tokenizer.encode(text).tokens);
  });

  const code = (json: unknown) => {
    try {
      Tokenizer.fromJSON(json);
    } catch (error) {
      return error instanceof TokenizerError ? `${error.code}: ${error.message}` : String(error);
    }
    return 'no error';
  };

  it('refuses what is malformed, naming the place', () => {
    const model = { type: 'BPE', vocab: { a: 0, b: 1, ab: 2 }, merges: ['a b'] };
    const pre_tokenizer = { type: 'ByteLevel', add_prefix_space: false };
    expect(code({ model, pre_tokenizer })).toBe('no error');
    expect(code({ model: { ...model, merges: ['a c'] }, pre_tokenizer })).toMatch(/invalid_file.*merges\[0\]/);
    expect(code({ model: { ...model, vocab: { a: 0, b: 0, ab: 2 } }, pre_tokenizer })).toMatch(/0 for both/);
    expect(code({ model, pre_tokenizer: { type: 'Magic' } })).toMatch(/unsupported.*pre_tokenizer.*Magic/);
    expect(code({ model: { ...model, vocab: { a: -1 } }, pre_tokenizer })).toMatch(/model\.vocab\["a"\]/);
    expect(code(null)).toMatch(/invalid_file/);
  });

  it('shows an added token that is sought in normalised text as it is written there', () => {
    const lower = Tokenizer.fromJSON({
      normalizer: { type: 'Lowercase' },
      added_tokens: [{ id: 1, content: 'Hello', special: false, normalized: true }],
      model: { type: 'WordLevel', vocab: { '?': 0 }, unk_token: '?' },
    });
    expect([lower.tokenToId('Hello'), lower.idToToken(1), lower.decode([1])]).toEqual([1, 'hello', 'hello']);
  });

  it('refuses ids outside the vocabulary in decode', () => {
    expect(() => tokenizer.decode([300])).toThrow('ids from 0 to 299');
  });
});

describe("truncation of the tokenizer's own", () => {
  const read = () =>
    Tokenizer.fromJSON({
      truncation: { direction: 'Right', max_length: 2, strategy: 'LongestFirst', stride: 3 },
      pre_tokenizer: { type: 'WhitespaceSplit' },
      model: { type: 'WordLevel', vocab: { a: 0 }, unk_token: 'a' },
    });

  it("is checked where it cuts, as in Hugging Face's library; what is asked for is checked before", () => {
    expect([...read().encode('a a').ids]).toEqual([0, 0]);
    expect(() => read().encode('a a', { truncation: { maxLength: 2, stride: 3 } })).toThrow(/expected a stride/);
  });
});
