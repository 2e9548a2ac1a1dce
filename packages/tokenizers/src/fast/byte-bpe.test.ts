import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { Bpe, Tokenizer, createPreTokenizer, trainBpe } from '../index';
import { fastEncoder } from './create';
import { IdList } from './id-list';
import { patterns } from './scanners';
import { WordLog } from './word-log';

/** Letters and signs at which patterns differ, and words of every length that the encoder treats by itself. */
const pieces = [
  ...['', ' ', '  ', '\n', '\r\n', '\t', '\u00a0', '\u0085', '\u2028', '\0', "'", "'s", "'LL", "'ſ", '’s'],
  ...['.', ',', '/', '_', '(', ').\n', '\u0301', 'é', 'É', 'ß', 'ǅ', '日本', '語', 'ا', '😀', '½', '1', '12', '1945'],
  ...['a', 'B', 'It', 'NASA', 'camelCase', 'HTMLElement', 'word', 'words', 'letters', 'alphabet', 'something'],
  ...['Government', 'of-the-art', 'acknowledged', 'representatives', 'internationalized', 'counterrevolutionary'],
];
const texts = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.constant(' '), fc.string({ unit: 'binary', maxLength: 3 })), {
    maxLength: 24,
  })
  .map((parts) => parts.join(''));

const preTokenizers: Record<string, unknown> = {
  ...Object.fromEntries(
    Object.entries(patterns).map(([name, pattern]) => [
      name,
      {
        type: 'Sequence',
        pretokenizers: [
          { type: 'Split', pattern: { Regex: pattern }, behavior: 'Isolated', invert: false },
          { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
        ],
      },
    ]),
  ),
  'digits and gpt2': {
    type: 'Sequence',
    pretokenizers: [
      { type: 'Digits', individual_digits: true },
      { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
    ],
  },
};

/** The ids by way of the components, which share no scanner, table or merge loop for bytes. */
const slowly = (tokenizer: Tokenizer, text: string) => [
  ...tokenizer.encode(text, { padding: {}, truncation: null, allowedSpecial: 'none' }).ids,
];

describe.each(Object.keys(preTokenizers))('the quick way to the ids with %s', (name) => {
  const preTokenizer = createPreTokenizer(preTokenizers[name]);
  let plain: Tokenizer;
  let whole: Tokenizer;
  beforeAll(async () => {
    const corpus = pieces.flatMap((a) => pieces.slice(-16).map((b) => `${a} ${b}${a}`));
    plain = await trainBpe(corpus, { vocabSize: 700, preTokenizer });
    const { options } = plain.parts.model as Bpe;
    // Tokens that no merge makes are taken whole all the same.
    const vocab = new Map([...options.vocab, ['Ġacknowledged', 700], ['zyzzyva', 701], ['Ġof-the', 702], ['éĠÃ', 703]]);
    whole = new Tokenizer({ ...plain.parts, model: new Bpe({ ...options, vocab, ignoreMerges: true }) });
  });

  it('exists', () => {
    expect(fastEncoder(preTokenizer, plain.parts.model)).not.toBeNull();
  });

  it('gives what the components give', () => {
    fc.assert(
      fc.property(texts, (text) => {
        for (const tokenizer of [plain, whole])
          expect(tokenizer.encodeIds(text, { allowedSpecial: 'none' })).toEqual(slowly(tokenizer, text));
      }),
      { numRuns: 400 },
    );
  });

  it('gives the same for words too long to remember, and for texts of several chunks', () => {
    const many = Array.from({ length: 4000 }, (_, i) => `${pieces[(i * 7) % pieces.length]} ${(i * 31) % 997}x`);
    for (const text of [
      'ab'.repeat(64),
      ` ${'xyz'.repeat(2000)}`,
      'é'.repeat(200),
      many.join(''),
      many.join(' and the '),
    ]) {
      for (const tokenizer of [plain, whole]) expect(tokenizer.encodeIds(text)).toEqual(slowly(tokenizer, text));
    }
  });
});

describe('the quick way between added tokens', () => {
  const token = (id: number, content: string, flags: Record<string, boolean>) => ({
    ...{ id, content, single_word: false, lstrip: false, rstrip: false, normalized: false, special: false },
    ...flags,
  });
  const added = [
    token(600, '<Raw>', { lstrip: true }),
    token(601, 'Norm', { normalized: true, rstrip: true }),
    token(602, '<sp>', { normalized: true, special: true }),
    token(603, 'orm<', { normalized: true }),
  ];
  const withTokens = fc
    .array(fc.oneof(texts, fc.constantFrom('<Raw>', 'Norm', 'NORM', '<sp>', '<SP>', 'norm<Raw>', ' ')), {
      maxLength: 8,
    })
    .map((parts) => parts.join(''));

  it.each([
    ['no normalizer', null, false],
    ['a space before the text', null, true],
    ['a normalizer', { type: 'Lowercase' }, false],
    ['both', { type: 'Lowercase' }, true],
  ])('gives what the components give with %s', async (_, normalizer, add_prefix_space) => {
    const plain = await trainBpe([pieces.join(' ')], { vocabSize: 400 });
    const tokenizer = Tokenizer.fromJSON({
      ...plain.toJSON(),
      normalizer,
      pre_tokenizer: { type: 'ByteLevel', add_prefix_space, trim_offsets: true, use_regex: true },
      added_tokens: added,
    });
    expect(tokenizer.quickParts('', 'all')).not.toBeNull();
    fc.assert(
      fc.property(withTokens, (text) => {
        for (const allowedSpecial of ['all', 'none', ['<sp>']] as const)
          expect(tokenizer.encodeIds(text, { allowedSpecial })).toEqual([
            ...tokenizer.encode(text, { padding: {}, truncation: null, allowedSpecial }).ids,
          ]);
      }),
      { numRuns: 300 },
    );
  });
});

describe('words of many tokens', () => {
  it('are forgotten together when their ids are too many, and encoded as before', async () => {
    // No merges: seventeen ids a word, so that they come to an end before the words do.
    const tokenizer = await trainBpe(['a'], { vocabSize: 257 });
    const letters = (i: number) => i.toString(26).replace(/\d/g, (digit) => 'qrstuvwxyz'.charAt(Number(digit)));
    const words = Array.from({ length: 70_000 }, (_, i) => letters(i).padStart(16, 'b'));
    const text = ` ${[...words, ...words.slice(-100), ...words.slice(0, 100)].join(' ')}`;
    const ids = tokenizer.encodeIds(text);
    expect(ids.length).toBe(text.length);
    expect(tokenizer.decode(ids)).toBe(text);
  });
});

describe('two encoders that share their words', () => {
  it('give each word its own ids where all words have just been forgotten', async () => {
    const { parts } = await trainBpe(['xyxyxz'], { vocabSize: 258 });
    const { options } = parts.model as Bpe;
    const made = () => {
      const encoder = fastEncoder(parts.preTokenizer ?? null, new Bpe(options));
      if (encoder === null) throw new Error('byte-level BPE has a quick way');
      return encoder;
    };
    const [one, other] = [made(), made()];
    const [own, foreign] = [WordLog.memory(), WordLog.memory()];
    one.share(new WordLog(own), [new WordLog(foreign)]);
    other.share(new WordLog(foreign), [new WordLog(own)]);
    const bytes = new Map([...options.vocab].map(([token, id]) => [id, token]));
    const said = (encoder: typeof one, text: string) => {
      const out = new IdList();
      encoder.encode(text, 0, text.length, out);
      return out
        .toList()
        .map((id) => bytes.get(id))
        .join('');
    };
    const word = (i: number) =>
      `a${[0, 1, 2, 3, 4].map((k) => String.fromCharCode(97 + (Math.floor(i / 26 ** k) % 26))).join('')}`;
    said(other, 'qfirst');
    other.exchange();
    one.exchange();
    const wrong: string[] = [];
    for (let i = 0; i < 2 ** 17 + 100; i++) {
      // Published just before the table of 2^17 words is full.
      if (i === 2 ** 17 - 22) {
        said(other, 'another');
        other.exchange();
      }
      if (said(one, word(i)) !== word(i)) wrong.push(word(i));
    }
    expect(wrong).toEqual([]);
  });
});
