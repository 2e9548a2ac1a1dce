import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer, trainBpe, trainUnigram, trainWordPiece } from '@tessera-llm/tokenizers';
import type { Area, Case } from '../area';
import { sotuFiles, sotuTexts } from '../sotu';

const vocabSize = 8000;

const split = (regex: string) => ({ type: 'Split', pattern: { Regex: regex }, behavior: 'Isolated', invert: false });

/** A byte-level BPE with another pre-tokenizer before it. */
async function byteLevelBpe(texts: readonly string[], preTokenizer: unknown): Promise<Tokenizer> {
  const trained = await trainBpe(texts, { vocabSize });
  return Tokenizer.fromJSON({ ...trained.toJSON(), pre_tokenizer: preTokenizer });
}

/** What models of these kinds have, with vocabularies of the text's own. */
const kinds: Readonly<Record<string, (texts: readonly string[]) => Promise<Tokenizer>>> = {
  "WordPiece, BERT's": (texts) => trainWordPiece(texts, { vocabSize, specialTokens: ['[UNK]'] }),
  "Unigram, T5's": (texts) => trainUnigram(texts, { vocabSize, specialTokens: ['<unk>'] }),
  "byte-level BPE, RoBERTa's": (texts) =>
    byteLevelBpe(texts, { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true }),
  "byte-level BPE, DeepSeek's": (texts) =>
    byteLevelBpe(texts, {
      type: 'Sequence',
      pretokenizers: [
        split('\\p{N}{1,3}'),
        split('[一-龥぀-ゟ゠-ヿ]+'),
        split(
          '[!"#$%&\'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\\r\\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+',
        ),
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    }),
};

/** Ids, and ids with offsets, of 10.7 MB of English, file by file on one core; both sides keep the words that they met. */
export const tokenizerKinds: Area = {
  name: 'tokenizer-kinds',
  about: 'encoding English with tokenizers of other kinds, file by file on one core',
  cases({ folder }) {
    const files = sotuFiles();
    const work = files.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6;
    return Object.entries(kinds).map(([name, train], i): Case => {
      const tokenizer = join(folder, `tokenizer-${i}.json`);
      return {
        name,
        dtype: '-',
        compute: '-',
        figures: ['ids', 'offsets'].map((figure) => ({ name: figure, unit: 'MB/s', work })),
        peers: [{ name: 'HF tokenizers', program: 'python', script: 'encode_files.py', args: { tokenizer, files } }],
        async prepare() {
          writeFileSync(tokenizer, JSON.stringify((await train(sotuTexts())).toJSON()));
        },
        async open() {
          const made = Tokenizer.fromJSON(JSON.parse(readFileSync(tokenizer, 'utf8')));
          const texts = sotuTexts();
          const secondsOf = (encode: (text: string) => unknown): number => {
            const start = performance.now();
            for (const text of texts) encode(text);
            return (performance.now() - start) / 1000;
          };
          return {
            run: () => ({
              ids: secondsOf((text) => made.encode(text).ids),
              offsets: secondsOf((text) => made.encode(text).offsets),
            }),
          };
        },
      };
    });
  },
};
