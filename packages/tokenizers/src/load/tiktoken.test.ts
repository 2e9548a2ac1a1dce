import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Tokenizer } from '../tokenizer';
import { tiktokenEncodings, tokenizerFromTiktoken } from './tiktoken';

const base64 = (bytes: readonly number[]) => btoa(String.fromCharCode(...bytes));
const utf8 = (text: string) => [...new TextEncoder().encode(text)];
const singles = Array.from({ length: 256 }, (_, b) => [b]);
const tokens = [...singles, ...['th', 'he', 'the', ' the', 'é', 'aa', 'aaa'].map(utf8)];
const file = (list: readonly (readonly number[])[]) => list.map((bytes, rank) => `${base64(bytes)} ${rank}`).join('\n');
const encoding = { ...tiktokenEncodings.cl100k_base, specialTokens: { '<|endoftext|>': 300, '<|x|>': 400 } };
const tokenizer = tokenizerFromTiktoken(file(tokens), encoding);

/** tiktoken's rule: the whole word if it is a token, else join the neighbours whose bytes have the lowest rank. */
function naive(word: string): number[] {
  const rank = new Map(tokens.map((bytes, id) => [bytes.join(), id]));
  const parts: number[][] = utf8(word).map((b) => [b]);
  const whole = rank.get(utf8(word).join());
  if (whole !== undefined) return [whole];
  for (;;) {
    let best = Number.POSITIVE_INFINITY;
    let at = -1;
    for (let i = 0; i + 1 < parts.length; i++) {
      const r = rank.get([...(parts[i] as number[]), ...(parts[i + 1] as number[])].join());
      if (r !== undefined && r < best) [best, at] = [r, i];
    }
    if (at < 0) return parts.map((bytes) => rank.get(bytes.join()) as number);
    parts.splice(at, 2, [...(parts[at] as number[]), ...(parts[at + 1] as number[])]);
  }
}

describe('tiktokenEncodings', () => {
  it("has gpt-oss's special tokens, each id once", () => {
    const { specialTokens } = tiktokenEncodings.o200k_harmony;
    expect(Object.values(specialTokens).sort((a, b) => a - b)).toEqual(
      Array.from({ length: 201088 - 199998 }, (_, i) => 199998 + i),
    );
    expect(specialTokens).toMatchObject({
      '<|channel|>': 200005,
      '<|endofprompt|>': 200018,
      '<|reserved_201087|>': 201087,
    });
  });
});

describe('tokenizerFromTiktoken', () => {
  it("merges by tiktoken's rule and gives text back", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('t', 'h', 'e', 'a', 'é', '日'), minLength: 1 }), (word) => {
        const ids = tokenizer.encodeIds(word);
        expect(ids).toEqual(naive(word));
        expect(tokenizer.decode(ids)).toBe(word);
      }),
    );
  });

  it('recognises special tokens as allowed', () => {
    const text = 'the<|endoftext|><|x|>';
    expect(tokenizer.encodeIds(text)).toEqual([258, 300, 400]);
    expect(tokenizer.encodeIds(text, { allowedSpecial: 'none' })).not.toContain(300);
    const some = tokenizer.encodeIds(text, { allowedSpecial: ['<|x|>'] });
    expect([some.includes(300), some.includes(400)]).toEqual([false, true]);
  });

  it('drops what the pattern does not match, as tiktoken does', () => {
    const letters = tokenizerFromTiktoken(file(tokens), { pattern: '\\p{L}+' });
    expect(letters.encodeIds('the 1 the')).toEqual([258, 258]);
  });

  it('is written as a tokenizer.json with the same ids', () => {
    const again = Tokenizer.fromJSON(JSON.parse(JSON.stringify(tokenizer)));
    const text = fc.string({ unit: fc.constantFrom('t', 'h', 'e', 'a', ' ', '\n', '1', 'é', '😀', '<|x|>') });
    fc.assert(
      fc.property(text, (source) => {
        expect(again.encodeIds(source)).toEqual(tokenizer.encodeIds(source));
      }),
    );
    expect(again.tokenToId('<|endoftext|>')).toBe(300);
  });

  it('reads bytes and lines with any ending', () => {
    const bytes = new TextEncoder().encode(`${file(tokens).replaceAll('\n', '\r\n')}\n\n`);
    expect(tokenizerFromTiktoken(bytes, encoding).encodeIds('the')).toEqual([258]);
    expect(tokenizerFromTiktoken(bytes.buffer, encoding).encodeIds('the')).toEqual([258]);
    // tiktoken cuts lines at any spaces.
    const tabs = file(tokens).replaceAll(' ', '\t ');
    expect(tokenizerFromTiktoken(tabs, encoding).encodeIds('the')).toEqual([258]);
  });

  it('says which argument is of another type', () => {
    for (const [given, settings, message] of [
      [null, encoding, 'file: expected the text of a rank file, or its bytes, got null'],
      [
        file(tokens),
        null,
        'encoding: expected an object with a `pattern`, such as tiktokenEncodings.o200k_base, got null',
      ],
      [file(tokens), {}, 'encoding.pattern: expected a pattern as text, got undefined'],
    ] as const)
      expect(() => tokenizerFromTiktoken(given as never, settings as never)).toThrow(
        expect.objectContaining({ code: 'invalid_argument', message: `[tiktoken] ${message}` }),
      );
  });

  it('names the malformed line', () => {
    const load =
      (text: string, special = {}) =>
      () =>
        tokenizerFromTiktoken(text, { pattern: '.', specialTokens: special });
    const good = file(tokens);
    expect(load(`${good}\nnonsense`)).toThrow(
      /\[tiktoken\] line 264: expected a token in base64 and its rank, got "nonsense"/,
    );
    expect(load(`${good}\nYQ 1.5`)).toThrow(/line 264/);
    expect(load(`${good}\nYQ=a 900`)).toThrow(/line 264/);
    expect(load(`${good}\n${base64(utf8('zz'))} 3`)).toThrow(/line 264: expected another rank than line 4, got 3/);
    expect(load(`${good}\n${base64(utf8('the'))} 900`)).toThrow(/line 264: expected each token once/);
    expect(load(`${good}\n${base64(utf8('zz'))} 99999999999`)).toThrow(/line 264/);
    expect(load(file(tokens.slice(1)))).toThrow(/the file: expected all 256 bytes, got "none for 0x00"/);
    expect(load(good, { '<x>': 5 })).toThrow(/specialTokens\["<x>"\]: expected an id of its own, got 5/);
    expect(load(good, { '<x>': 900, '<y>': 900 })).toThrow(/specialTokens\["<y>"\]/);
    expect(() => tokenizerFromTiktoken(good, { pattern: '(' })).toThrow(/"\("/);
  });
});
