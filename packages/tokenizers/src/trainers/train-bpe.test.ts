import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Tokenizer, type TrainBpeOptions, createPreTokenizer, metaspace, trainBpe } from '../index';
import { countWords } from './count-words';
import { Merger } from './merger';
import { Pace } from './options';

const texts = [
  'The cat sat on the mat; the cat ate the rat.',
  'A rat, a cat and a bat: that is that!',
  'Élan vital — l’élan, 狐狸 and 狐 🦊🦊, 12 of 123.',
  'the the the cat cat dog Dog',
];
const spaces = createPreTokenizer({ type: 'WhitespaceSplit' });
const vocabOf = (t: Tokenizer) => Array.from({ length: t.vocabSize }, (_, id) => t.idToToken(id) as string);
const mergesOf = (t: Tokenizer) => (t.toJSON().model as { merges: [string, string][] }).merges;

/** The rule as the literature has it: all pairs counted anew before each merge. */
function byHand(words: readonly string[], vocabSize: number, prefix: string, suffix: string, least: number) {
  const alphabet = [...new Set(words.join(''))].sort((a, b) => (a.codePointAt(0) ?? 0) - (b.codePointAt(0) ?? 0));
  const spelled = words.map((word) => {
    const chars = [...word];
    return chars.map((c, i) => (i > 0 ? prefix : '') + c + (i === chars.length - 1 ? suffix : ''));
  });
  const forms = alphabet.flatMap((c) => [c, c + suffix, prefix + c, prefix + c + suffix]);
  const seen = new Set(spelled.flat());
  const vocab = [...new Set([...alphabet, ...forms.filter((form) => seen.has(form))])];
  const merges: [string, string][] = [];
  while (vocab.length < vocabSize) {
    const counts = new Map<string, number>();
    for (const word of spelled)
      for (let i = 0; i + 1 < word.length; i++) {
        const key = `${vocab.indexOf(word[i] as string)} ${vocab.indexOf(word[i + 1] as string)}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    const best = [...counts].map(([key, count]) => ({ count, ids: key.split(' ').map(Number) as [number, number] }));
    best.sort((x, y) => y.count - x.count || x.ids[0] - y.ids[0] || x.ids[1] - y.ids[1]);
    const top = best[0];
    if (top === undefined || top.count < Math.max(1, least)) break;
    const [a, b] = top.ids.map((id) => vocab[id] as string) as [string, string];
    const made = a + (prefix && b.startsWith(prefix) ? b.slice(prefix.length) : b);
    merges.push([a, b]);
    if (!vocab.includes(made)) vocab.push(made);
    for (const word of spelled)
      for (let i = 0; i + 1 < word.length; i++) if (word[i] === a && word[i + 1] === b) word.splice(i, 2, made);
  }
  return { vocab, merges };
}

describe('trainBpe', () => {
  const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'é', '🦊'), minLength: 1, maxLength: 6 }), {
    minLength: 1,
    maxLength: 30,
  });

  it.each([
    ['', '', 0],
    ['', '', 3],
    ['##', '', 0],
    ['', '</w>', 2],
    ['@@', '</w>', 0],
  ])('makes the merges of the definition: prefix %j, suffix %j, least frequency %d', async (prefix, suffix, least) => {
    await fc.assert(
      fc.asyncProperty(words, fc.integer({ min: 25, max: 45 }), async (list, vocabSize) => {
        const trained = await trainBpe([list.join(' ')], {
          vocabSize,
          minFrequency: least,
          initialAlphabet: [],
          preTokenizer: spaces,
          continuingSubwordPrefix: prefix || null,
          endOfWordSuffix: suffix || null,
        });
        const expected = byHand(list, vocabSize, prefix, suffix, least);
        expect(vocabOf(trained)).toEqual(expected.vocab);
        expect(mergesOf(trained)).toEqual(expected.merges);
      }),
      { numRuns: 60 },
    );
  });

  it('gives what Hugging Face’s trainer gives: special tokens that are merged, initial alphabet, longest token', async () => {
    const trained = await trainBpe(texts, {
      vocabSize: 60,
      maxTokenLength: 4,
      initialAlphabet: ['z', 'Ж'],
      specialTokens: ['the', '<unk>'],
      preTokenizer: metaspace(),
    });
    const alphabet = '!,.123:;ADTabcdefghilmnorstvzÉéЖ—’▁狐狸🦊';
    const made = 'at th ▁th cat an 12 lan og rat ▁a ▁o ▁狐 ▁an ▁12 3. Dog Th al bat dog'.split(' ');
    expect(vocabOf(trained)).toEqual(['the', '<unk>', ...alphabet, ...made]);
    expect(mergesOf(trained).slice(0, 4).flat()).toEqual(['a', 't', 't', 'h', '▁', 'th', 'c', 'at']);
  });

  it('keeps the most frequent characters, and the initial ones', async () => {
    const trained = await trainBpe(['aaab bbbc ccdé'], {
      vocabSize: 4,
      limitAlphabet: 3,
      initialAlphabet: ['x'],
      preTokenizer: spaces,
    });
    expect(vocabOf(trained)).toEqual(['a', 'b', 'x', 'aa']);
  });

  it('keeps a character that is a special token, whatever the limit', async () => {
    const options = { vocabSize: 9, specialTokens: ['c', '<s>'], limitAlphabet: 2, preTokenizer: spaces };
    const plain = await trainBpe(['bab bab cab'], options);
    expect(vocabOf(plain)).toEqual('c <s> a b ab bab cab'.split(' '));
    const marked = await trainBpe(['bab bab cab'], { ...options, continuingSubwordPrefix: '##' });
    expect(vocabOf(marked)).toEqual('c <s> a b ##a ##b ##ab bab cab'.split(' '));
  });

  it('measures a token by the characters that it was made of, where texts spell the prefix, as the reference', async () => {
    const options = { maxTokenLength: 4, continuingSubwordPrefix: '#', preTokenizer: spaces };
    // The `##b` of "#b##b" has three characters, that of "b#b" would have one.
    const trained = await trainBpe(['aa #b##b'], { vocabSize: 40, ...options });
    expect(vocabOf(trained)).toEqual('# a b ## #a #b aa ### ###b'.split(' '));
    const hashes = await trainBpe(['###a ab'], { vocabSize: 40, ...options });
    expect(vocabOf(hashes)).toEqual('# a b ## #a #b ab ###'.split(' '));
  });

  it('gives added tokens their flags, the last ones of a token that comes twice', async () => {
    const mask = { content: '<mask>', lstrip: true, special: true };
    const end = { content: '<s>', rstrip: true };
    const trained = await trainBpe(texts, { vocabSize: 300, specialTokens: ['<s>', mask, end] });
    expect(trained.toJSON().added_tokens).toMatchObject([
      { id: 0, content: '<s>', special: true, lstrip: false, rstrip: true },
      { id: 1, content: '<mask>', special: true, lstrip: true },
    ]);
    expect(trained.encode('a <mask>').tokens).toEqual(['a', ' <mask>']);
  });

  it('refuses no text, malformed text and settings that make no sense', async () => {
    const failing = (options: Partial<TrainBpeOptions>, input: readonly string[] = texts) =>
      expect(trainBpe(input, { vocabSize: 300, ...options })).rejects;
    await failing({}, []).toThrow('at least one character');
    await failing({}, ['ok', 'no\ud800pe']).toThrow('place 2 of text 1');
    await expect(trainBpe('one text', { vocabSize: 300 })).rejects.toThrow('put it into a list');
    await failing({ vocabSize: 10 }).toThrow('at least 256');
    await failing({ vocabSize: 1.5 }).toThrow('whole number');
    await failing({ minFrequency: -1 }).toThrow('minFrequency');
    await failing({ maxTokenLength: 0 }).toThrow('maxTokenLength');
    await failing({ limitAlphabet: Number.NaN }).toThrow('limitAlphabet');
    await failing({ specialTokens: [''] }).toThrow('specialTokens');
    await failing({ specialTokens: ['<s>', '\ud800'] }).toThrow('specialTokens: expected well-formed text');
    await failing({ initialAlphabet: ['\ud800'] }).toThrow('initialAlphabet: expected well-formed text');
    await failing({ continuingSubwordPrefix: '\ud800' }).toThrow('continuingSubwordPrefix');
    await failing({ endOfWordSuffix: '\ud800' }).toThrow('endOfWordSuffix');
    await failing({ unkToken: '\ud800' }).toThrow('unkToken');
    await failing({ maxWords: 3 }).toThrow('maxWords');
  });

  it('takes async iterables, reports progress, and stops when asked', async () => {
    async function* slowly() {
      yield* texts;
    }
    const stages: string[] = [];
    const onProgress = (p: { stage: string }) => stages.push(p.stage);
    const other = await trainBpe(slowly(), { vocabSize: 300, onProgress });
    expect(other.toJSON()).toEqual((await trainBpe(texts, { vocabSize: 300 })).toJSON());
    expect(stages).toEqual(['counting', 'merging']);
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(trainBpe(texts, { vocabSize: 300, signal })).rejects.toThrow('enough');
    const later = new AbortController();
    const training = trainBpe(texts, { vocabSize: 300, signal: later.signal, onProgress: () => later.abort() });
    await expect(training).rejects.toThrow(/abort/);
  });

  it('can be stopped while words are spelled and pairs counted', async () => {
    const counted = await countWords(texts, { vocabSize: 300, preTokenizer: spaces });
    const settings = { vocabSize: 300, minFrequency: 0, specialTokens: [], maxTokenLength: 9, prefix: '', suffix: '' };
    const dones: number[] = [];
    const onProgress = ({ done }: { done: number }) => dones.push(done);
    // A pace for which it is always time.
    class Eager extends Pace {
      override get due(): boolean {
        return true;
      }
    }
    await Merger.of(counted, settings, new Eager({ onProgress }));
    expect(dones.length).toBeGreaterThanOrEqual(3);
    const stopped = new Eager({ signal: AbortSignal.abort(new Error('enough')) });
    await expect(Merger.of(counted, settings, stopped)).rejects.toThrow('enough');
  });

  it('does not wait for a text that never comes when it is stopped, and closes a source that is ready', async () => {
    const stop = new AbortController();
    async function* hanging() {
      yield 'a';
      stop.abort(new Error('enough'));
      await new Promise(() => {});
    }
    await expect(trainBpe(hanging(), { vocabSize: 300, signal: stop.signal })).rejects.toThrow('enough');
    let closed = false;
    async function* malformed() {
      try {
        for (;;) yield '\udc00'.repeat(1 << 21);
      } finally {
        closed = true;
      }
    }
    const { signal } = new AbortController();
    await expect(trainBpe(malformed(), { vocabSize: 300, signal })).rejects.toThrow('lone surrogate');
    expect(closed).toBe(true);
  });
});
