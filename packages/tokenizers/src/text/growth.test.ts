import { describe, expect, it } from 'vitest';
import { createDecoder } from '../decoders/create';
import { compileCharacterMap } from '../normalizers/charsmap.test-support';
import { createNormalizer, normalizeText } from '../normalizers/create';
import { toBase64 } from '../normalizers/precompiled';
import { SentencePieceNormalizer } from '../normalizers/sentence-piece';
import { createPreTokenizer, splitText } from '../pre-tokenizers/create';
import { AlignedText } from './aligned-text';
import { mostUnits } from './growth';

const replace = (from: string, content: string) => ({ type: 'Replace', pattern: { String: from }, content });
const times = <T>(count: number, part: T): T[] => Array.from({ length: count }, () => part);
const tooMuch = {
  code: 'invalid_file',
  message: expect.stringMatching(/^\[tokenizer\] \S+: expected at most \d+ UTF-16 units/),
};
/** Sequences of three doublings, each with the next in it: what one may make must not count from its own text. */
const nested = (key: string, part: unknown) =>
  Array.from({ length: 30 }).reduce(
    (inner: unknown) => ({ type: 'Sequence', [key]: [...times(3, part), inner] }),
    part,
  );

function thrown(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  return null;
}

describe('the growth of a text', () => {
  it('is held where a small tokenizer.json would double it until the process ends', () => {
    const doubles = replace('a', 'aa');
    const map = compileCharacterMap({ b: 'b'.repeat(70_000) });
    for (const [config, text] of [
      [{ type: 'Sequence', normalizers: times(40, doubles) }, 'a'],
      [nested('normalizers', doubles), 'a'],
      [{ type: 'Sequence', normalizers: times(40, { type: 'ByteLevel' }) }, 'é'],
      [replace('b', 'b'.repeat(70_000)), 'b'],
      [{ type: 'Precompiled', precompiled_charsmap: toBase64(map) }, 'b'],
    ] as const) {
      const normalizer = createNormalizer(config);
      for (const given of [AlignedText.of(text), AlignedText.untracked(text)])
        expect(thrown(() => normalizer.normalize(given))).toMatchObject(tooMuch);
    }
    const own = new SentencePieceNormalizer({ charactersMap: map });
    expect(thrown(() => own.normalize(AlignedText.of('b')))).toMatchObject(tooMuch);
  });

  it('is held in pre-tokenizers and decoders', () => {
    const bytes = { type: 'ByteLevel', add_prefix_space: false, use_regex: false };
    const words = { type: 'ByteLevel', add_prefix_space: true, use_regex: true };
    for (const part of [bytes, words]) {
      for (const config of [{ type: 'Sequence', pretokenizers: times(40, part) }, nested('pretokenizers', part)])
        expect(thrown(() => splitText(createPreTokenizer(config), 'é'))).toMatchObject(tooMuch);
    }
    for (const part of [replace('a', 'aa'), { type: 'CTC', word_delimiter_token: '' }]) {
      for (const config of [{ type: 'Sequence', decoders: times(40, part) }, nested('decoders', part)]) {
        const decoder = createDecoder(config);
        expect(thrown(() => decoder.decode(['a']))).toMatchObject(tooMuch);
        for (const whole of [false, true]) {
          const stream = decoder.stream(whole);
          expect(thrown(() => [stream.push('a'), stream.end()])).toMatchObject(tooMuch);
        }
      }
    }
    expect(thrown(() => createDecoder(replace('a', 'b'.repeat(70_000))).decode(['a']))).toMatchObject(tooMuch);
  });

  it('is free where real components make text longer', () => {
    const normalizers = [{ type: 'Prepend', prepend: '▁' }, { type: 'NFKD' }, replace(' ', '▁▁▁')];
    const long = 'ﷺ '.repeat(20_000);
    expect(normalizeText(createNormalizer({ type: 'Sequence', normalizers }), long).length).toBe(20_000 * 27 + 1);
    // Four times as long at any size, up to V8's longest string.
    expect([1, 2000, 1e6, 1e7, 3e8].map(mostUnits)).toEqual([65_536, 128_000, 2 ** 25, 4e7, 2 ** 29 - 24]);
  });
});
