import { statSync } from 'node:fs';
import { trainBpe, trainUnigram, trainWordPiece } from '@tessera-llm/tokenizers';
import type { Area, Case } from '../area';
import { sotuFiles, sotuTexts } from '../sotu';

const kinds = [
  ['bpe', 'byte-level BPE 4096', 4096],
  ['bpe', 'byte-level BPE 32768', 32768],
  ['wordpiece', 'WordPiece 30000', 30000],
  ['unigram', 'Unigram 8000', 8000],
] as const;

const special = { wordpiece: ['[PAD]', '[UNK]', '[CLS]', '[SEP]', '[MASK]'], unigram: ['<unk>'], bpe: [] } as const;
const trainers = { bpe: trainBpe, wordpiece: trainWordPiece, unigram: trainUnigram } as const;

/** Training of tokenizers on 10.7 MB of English, in one thread; Hugging Face's trainers use all that are allowed. */
export const tokenizerTraining: Area = {
  name: 'tokenizer-training',
  about: 'training BPE, WordPiece and Unigram on 10.7 MB of English',
  cases() {
    const files = sotuFiles();
    const megabytes = files.reduce((sum, file) => sum + statSync(file).size, 0) / 1e6;
    return kinds.map(([kind, name, vocabSize]): Case => {
      const specialTokens = special[kind];
      return {
        name,
        dtype: '-',
        compute: '-',
        figures: [{ name: '', unit: 'MB/s', work: megabytes }],
        peers: [
          {
            name: 'HF tokenizers',
            program: 'python',
            script: 'tokenizer_training.py',
            args: { kind, vocabSize, specialTokens, files },
          },
        ],
        async open() {
          const texts = sotuTexts();
          return {
            async run() {
              const start = performance.now();
              await trainers[kind](texts, { vocabSize, specialTokens });
              return { '': (performance.now() - start) / 1000 };
            },
          };
        },
      };
    });
  },
};
