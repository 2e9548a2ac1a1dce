import { execFileSync } from 'node:child_process';
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { build } from 'esbuild';
import { beforeAll, describe, expect, it } from 'vitest';
import { type Tokenizer, trainBpe } from './index';

/** Most bytes of the whole entry, minified and compressed; the README states it, and some of the limits below. */
const mostBytes = 110_000;
const entry = fileURLToPath(new URL('../dist/index.js', import.meta.url));

/** What a browser would get of the build. Modules that are not there, as Node's own, fail the bundling. */
async function bundled(format: 'esm' | 'iife', exported = '*'): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: `export ${exported} from ${JSON.stringify(entry)}`, resolveDir: dirname(entry) },
    bundle: true,
    minify: true,
    write: false,
    platform: 'browser',
    target: 'es2022',
    format,
    globalName: 'tokenizers',
    logLevel: 'silent',
  });
  return outputFiles[0]?.text ?? '';
}

/** Where Chromium is: `CHROMIUM_PATH`, or on the path. */
function findChromium(): string | null {
  const names = ['chromium', 'chromium-browser', 'google-chrome'];
  const places = (process.env.PATH ?? '').split(delimiter).flatMap((folder) => names.map((name) => join(folder, name)));
  for (const place of process.env.CHROMIUM_PATH ? [process.env.CHROMIUM_PATH] : places) {
    try {
      accessSync(place, constants.X_OK);
      return place;
    } catch {}
  }
  return null;
}

describe('the browser build', () => {
  it(`needs no Node built-ins and takes at most ${mostBytes / 1000} kB`, async () => {
    const code = await bundled('esm');
    expect(code).toContain('encodeBatch');
    expect(gzipSync(code, { level: 9 }).length).toBeLessThan(mostBytes);
  });

  it.each([
    ['TokenizerError', 2_000],
    ['template', 4_000],
    ['WordPiece', 4_000],
    ['bertNormalizer', 12_000],
    ['createNormalizer', 30_000],
    ['createDecoder', 30_000],
    ['ChatTemplate', 40_000],
    ['Tokenizer', 55_000],
    ['tokenizerFromHuggingFace', 55_000],
  ])('leaves little besides %s where nothing else is imported: at most %i bytes', async (name, most) => {
    expect(gzipSync(await bundled('esm', `{ ${name} }`), { level: 9 }).length).toBeLessThan(most);
  });
});

const chromium = findChromium();
describe.skipIf(chromium === null)('in Chromium (skipped where neither CHROMIUM_PATH nor the path has it)', () => {
  const texts = [
    '',
    'The theatre there.',
    'naïve café — 日本語 😀\r\n\tx = 12345',
    "don't<|end|> go",
    'lower '.repeat(30_000),
  ];
  let tokenizer: Tokenizer;
  beforeAll(async () => {
    tokenizer = await trainBpe(texts, { vocabSize: 320, specialTokens: ['<|end|>'] });
  });

  it('encodes and decodes as in Node', async () => {
    const page = (texts: string[], json: unknown) => {
      // Runs in the browser, where the bundle is `tokenizers`.
      const { Tokenizer } = (globalThis as unknown as { tokenizers: typeof import('./index') }).tokenizers;
      const tokenizer = Tokenizer.fromJSON(json);
      return texts.map((text) => {
        const { ids, tokens, offsets } = tokenizer.encode(text);
        const stream = tokenizer.decodeStream();
        const streamed = Array.from(ids, (id) => stream.push(id)).join('') + stream.flush();
        return { ids: [...ids], tokens, offsets, decoded: tokenizer.decode(ids), streamed };
      });
    };
    const folder = mkdtempSync(join(tmpdir(), 'tokenizers-'));
    try {
      writeFileSync(join(folder, 'bundle.js'), await bundled('iife'));
      const call = `(${page.toString()})(${JSON.stringify(texts)}, ${JSON.stringify(tokenizer)})`;
      writeFileSync(
        join(folder, 'page.js'),
        `let out;
try { out = { made: ${call}, node: typeof process }; } catch (error) { out = { error: String(error) }; }
document.body.textContent = encodeURIComponent(JSON.stringify(out));`,
      );
      writeFileSync(
        join(folder, 'index.html'),
        '<!doctype html><meta charset="utf-8"><body><script src="bundle.js"></script><script src="page.js"></script></body>',
      );
      const dom = execFileSync(
        chromium as string,
        [
          ...['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', `--user-data-dir=${folder}`],
          ...['--dump-dom', pathToFileURL(join(folder, 'index.html')).href],
        ],
        { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], timeout: 110_000, maxBuffer: 1 << 28 },
      );
      const out: unknown = JSON.parse(decodeURIComponent(/<body>(.*)<\/body>/s.exec(dom)?.[1] ?? '%7B%7D'));
      const expected = texts.map((text) => {
        const { ids, tokens, offsets } = tokenizer.encode(text);
        return {
          ids: [...ids],
          tokens,
          offsets,
          decoded: text.replace('<|end|>', ''),
          streamed: text.replace('<|end|>', ''),
        };
      });
      expect(out).toEqual({ made: expected, node: 'undefined' });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
