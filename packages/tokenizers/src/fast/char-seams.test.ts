import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Bpe, Tokenizer, trainBpe } from '../index';
import { byteToChar } from '../text/byte-alphabet';
import { CharSeams } from './char-seams';

const encoder = new TextEncoder();
const seams = (...tokens: readonly (string | readonly number[])[]) => {
  const made = new CharSeams();
  for (const token of tokens) {
    const bytes = typeof token === 'string' ? encoder.encode(token) : Uint8Array.from(token);
    made.add(bytes, bytes.length);
  }
  return (word: string) => {
    const bytes = encoder.encode(word);
    const ends: number[] = [];
    for (let at = 0; at < bytes.length; ends.push(at)) at = made.next(bytes, at, bytes.length);
    return ends;
  };
};

describe('CharSeams', () => {
  // 日 E6 97 A5, 本 E6 9C AC, 語 E8 AA 9E, 学 E5 AD A6
  it('cuts between characters that no token has side by side', () => {
    expect(seams('日本')('日本語')).toEqual([6, 9]);
    expect(seams('日本')('本日本')).toEqual([3, 9]);
    expect(seams('日本語')('日本語学')).toEqual([9, 12]);
    expect(seams('a日', '日b')('a日日b')).toEqual([4, 8]);
  });

  it('knows tokens that begin or end within a character', () => {
    expect(seams([0xa5, 0xe6])('日本')).toEqual([6]);
    expect(seams([0xa5, 0xe8])('日本')).toEqual([3, 6]);
    expect(seams([0x97, 0xa5, 0xe6, 0x9c])('日本日語')).toEqual([6, 9, 12]);
    expect(seams([0xe6, 0x97, 0xa5, 0xe6])('日本語')).toEqual([6, 9]);
    expect(seams([0xac, 0xe8, 0xaa, 0x9e, 0xe5])('日本語学')).toEqual([3, 12]);
  });

  it('leaves other characters where they are', () => {
    expect(seams()('aé日😀本b')).toEqual([14]);
    expect(seams([0xc3, 0xa9, 0xe6, 0x97, 0xa5])('日本')).toEqual([3, 6]);
    expect(seams()('日')).toEqual([3]);
  });
});

describe('words of characters of three bytes', () => {
  // The latter all end with the same byte, so that it is merged with the next one's first before a character is whole.
  const sameEnds = Array.from({ length: 40 }, (_, i) => String.fromCodePoint(0x5000 + 64 * 5 * i));
  const letters = [...'中国人的一是在不了有和主为工要日本語学はがのにをกขค가나다', '，', '。', '！', ...sameEnds];
  const words = fc
    .array(fc.oneof(fc.constantFrom(...letters), fc.constantFrom(' ', 'a', 'é', '😀', '1', '\n', 'ж')), {
      maxLength: 40,
    })
    .map((parts) => parts.join(''));
  let tokenizers: Tokenizer[];
  beforeAll(async () => {
    // The square of the index makes some letters frequent.
    const text = Array.from({ length: 6000 }, (_, i) => letters[(i * i * 7 + (i >> 3)) % letters.length]).join('');
    const lines = text.match(/.{1,17}/gu) as string[];
    tokenizers = [];
    for (const vocabSize of [270, 300, 400, 900]) {
      const trained = await trainBpe(lines, { vocabSize });
      const { options } = trained.parts.model as Bpe;
      // Some of these no merges make: they are taken where they are a whole word, and not as a part of one.
      const vocab = new Map(options.vocab);
      for (const word of [...letters.slice(0, 20).map((a, i) => a + letters[(i * 7) % 20]), ...sameEnds]) {
        const token = Array.from(encoder.encode(word), byteToChar).join('');
        if (!vocab.has(token)) vocab.set(token, vocab.size);
      }
      const model = new Bpe({ ...options, vocab, ignoreMerges: true });
      tokenizers.push(trained, new Tokenizer({ ...trained.parts, model }));
    }
  });

  it('have tokens here that reach from one character into a part of the next', () => {
    const byteOf = new Map(Array.from({ length: 256 }, (_, byte) => [byteToChar(byte), byte]));
    const isPart = (token: string) => {
      const bytes = Uint8Array.from(token, (char) => byteOf.get(char) as number);
      const reaches = bytes.some((byte, i) => i > 0 && byte >= 0xe0 && (bytes[i - 1] as number) >= 0x80);
      return reaches && new TextDecoder().decode(bytes).includes('\ufffd');
    };
    const tokens = tokenizers.flatMap((each) => [...(each.parts.model as Bpe).vocab.keys()]);
    expect(tokens.filter(isPart).length).toBeGreaterThan(5);
  });

  it('become the ids that the components give', () => {
    fc.assert(
      fc.property(words, (text) => {
        for (const tokenizer of tokenizers) {
          const slowly = tokenizer.encode(text, { padding: {}, truncation: null }).ids;
          expect(tokenizer.encodeIds(text)).toEqual([...slowly]);
        }
      }),
      { numRuns: 300 },
    );
  });
});
