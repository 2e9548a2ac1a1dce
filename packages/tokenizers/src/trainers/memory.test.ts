import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// TESSERA_TRAIN_MEGABYTES=1000 is the whole test: less than 1.5 GB with the default limits. Without the variable a small
// one is run: limits and text shrink alike, so that counting without a limit would not pass.
const whole = process.env.TESSERA_TRAIN_MEGABYTES;
const program = `
const { trainBpe } = await import(process.argv[1]);
const megabytes = Number(process.argv[2]);
const syllables = Array.from({ length: 53 }, (_, i) => 'bdfklmnrst'[i % 10] + 'aeiouy'[Math.floor(i / 10)]);
let seed = 12345;
const random = () => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) / 2 ** 32;
// Zipf's law over 100 million words.
const word = () => {
  let text = '';
  for (let rank = Math.floor(1e8 ** random()); rank > 0; rank = Math.floor(rank / 53)) text += syllables[rank % 53];
  return text;
};
function* texts() {
  for (let made = 0; made < megabytes * 1e6; ) {
    let text = '';
    while (text.length < 65536) text += word() + (random() < 0.1 ? '. ' : ' ');
    made += text.length;
    yield text;
  }
}
let report;
const maxWords = process.argv[3] === 'default' ? {} : { maxWords: Number(process.argv[3]) };
const started = performance.now();
await trainBpe(texts(), { vocabSize: 32768, ...maxWords, onReport: (r) => { report = r; } });
const seconds = (performance.now() - started) / 1000;
console.log(JSON.stringify({ ...report, seconds, megabytes: process.resourceUsage().maxRSS / 1024 }));
`;

function train(megabytes: string, maxWords: string): { prunedWords: number; megabytes: number } {
  const entry = fileURLToPath(new URL('../../dist/index.js', import.meta.url));
  const out = execFileSync(process.execPath, ['--input-type=module', '-e', program, entry, megabytes, maxWords], {
    encoding: 'utf8',
  });
  if (whole !== undefined) console.log(out);
  return JSON.parse(out) as { prunedWords: number; megabytes: number };
}

describe('memory of training', () => {
  it('does not grow with the text (24 MB; TESSERA_TRAIN_MEGABYTES for more)', { timeout: 3_600_000 }, () => {
    const used = whole === undefined ? train('24', '30000') : train(whole, 'default');
    expect(used.prunedWords).toBeGreaterThan(0);
    expect(used.megabytes).toBeLessThan(whole === undefined ? 260 : 1500);
  });
});
