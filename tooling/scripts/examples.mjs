// Extracts every example of the doc comments and READMEs, type-checks them together and runs each in a process of its
// own. Where a console.log() is followed by a comment that is all values, they must be what it prints.
import { spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, relative } from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';
import { packageFolders, root, run } from './toolchain.mjs';

const home = join(root, 'tooling', 'examples');
const generated = join(home, 'generated');
const printing = join(root, 'tooling', 'scripts', 'example-output.mjs');
const timeLimit = 120_000;

function files(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return files(path);
    return entry.name.endsWith('.ts') && !entry.name.endsWith('.test.ts') ? [path] : [];
  });
}

const lineOf = (text, index) => text.slice(0, index).split('\n').length;

function fromComments(file) {
  const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
  const found = [];
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const plain = comment[0].replace(/\n\s*\* ?/g, '\n');
    for (const example of plain.matchAll(/@example[^\n`]*\n+```ts\n([\s\S]*?)\n```/g)) {
      found.push({ line: lineOf(text, comment.index) + lineOf(plain, example.index), code: example[1] });
    }
    const tags = plain.match(/@example/g)?.length ?? 0;
    const blocks = plain.match(/@example[^\n`]*\n+```ts\n/g)?.length ?? 0;
    if (tags !== blocks) throw new Error(`${relative(root, file)}: an @example without a fenced ts block`);
  }
  return found;
}

function fromReadme(file) {
  let text;
  try {
    text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
  } catch {
    return [];
  }
  return [...text.matchAll(/^```ts\n([\s\S]*?)\n```/gm)]
    .filter((block) => block[1].includes("from '@tessera-llm/"))
    .map((block) => ({ line: lineOf(text, block.index) + 1, code: block[1] }));
}

function extract() {
  rmSync(generated, { recursive: true, force: true });
  const examples = [];
  for (const folder of packageFolders(['packages'])) {
    const src = join(folder, 'src');
    const places = files(src).map((file) => [file, fromComments(file)]);
    places.push([join(folder, 'README.md'), fromReadme(join(folder, 'README.md'))]);
    for (const [file, found] of places) {
      const stem = relative(folder, file)
        .replace(/^src[\\/]/, '')
        .replace(/\.(ts|md)$/, '')
        .replaceAll(/[\\/]/g, '-');
      for (const { line, code } of found) {
        const target = join(generated, basename(folder), `${stem}-${line}.ts`);
        mkdirSync(join(generated, basename(folder)), { recursive: true });
        writeFileSync(target, `${code}\nexport {};\n`);
        const js = ts.transpileModule(code, {
          compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, verbatimModuleSyntax: true },
        }).outputText;
        const script = target.replace(/\.ts$/, '.mjs');
        writeFileSync(script, js);
        examples.push({ name: `${relative(root, file)}:${line}`, script });
      }
    }
  }
  writeFileSync(
    join(generated, 'tsconfig.json'),
    JSON.stringify({
      extends: '../../../tsconfig.base.json',
      compilerOptions: { noUnusedLocals: false, noUnusedParameters: false, noUncheckedIndexedAccess: false },
      include: ['**/*.ts'],
    }),
  );
  return examples;
}

/** Values in what is printed or promised, brackets and quotes left out. */
const values = (text) =>
  text
    .replaceAll('\\n', '\n')
    .replaceAll(/\b(Float32|Float64|Int32|Uint8|Uint16|Uint32)Array(\(\d+\))?/g, '')
    .split(/[\s,[\]{}'"]+/)
    .filter((part) => part !== '');

/** What a comment promises, or null where it says more than values. */
function promised(comment) {
  const known = comment.replace(/(?<=[\]}'\d]): .*|, not .*/, '');
  const bare = known
    .replaceAll(/'[^']*'/g, '')
    .replaceAll(/\b(Float32|Int32|Uint8)Array\b|\b(true|false|null|\w+:)/g, '');
  return /[A-Za-z=?:]/.test(bare.replaceAll(/\de[-+]?\d/g, '')) ? null : values(known);
}

/** Numbers are the same as far as the comment writes them: 0.33 holds for 0.3333, and 0.333… too. */
function same(printed, comment) {
  if (printed === comment) return true;
  if (comment.endsWith('…')) return printed.startsWith(comment.slice(0, -1));
  const digits = /^-?\d+(?:\.(\d+))?$/.exec(comment)?.[1] ?? '';
  return digits !== '' && Math.abs(Number(printed) - Number(comment)) <= 0.51 * 10 ** -digits.length;
}

/** Lines of an example that print something else than their comments say. */
function broken(script, output) {
  const source = readFileSync(script, 'utf8').split('\n');
  return output.split('\n').flatMap((shown) => {
    if (!shown.startsWith('{"line":')) return [];
    const { line, text } = JSON.parse(shown);
    const comment = /console\.log\(.*\);? \/\/ (.*)$/.exec(source[line - 1] ?? '')?.[1];
    const wanted = comment === undefined ? null : promised(comment);
    const got = values(text);
    const holds = wanted === null || (wanted.length === got.length && wanted.every((value, i) => same(got[i], value)));
    return holds ? [] : [`expected ${comment}, got ${text}`];
  });
}

function runExample({ name, script }) {
  return new Promise((done) => {
    const child = spawn(process.execPath, ['--import', pathToFileURL(printing).href, script], {
      cwd: home,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: timeLimit,
    });
    let output = '';
    child.stdout.on('data', (data) => (output += data));
    child.stderr.on('data', (data) => (output += data));
    child.on('error', (error) => done({ name, output: String(error) }));
    child.on('close', (code) => {
      if (code !== 0) return done({ name, output });
      const wrong = broken(script, output);
      done(wrong.length === 0 ? null : { name, output: wrong.join('\n') });
    });
  });
}

/** Gives the number of problems. */
export async function checkExamples() {
  const examples = extract();
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  let problems = (await run(process.execPath, [tsc, '-p', generated])) === 0 ? 0 : 1;
  const queue = [...examples];
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const failure = await runExample(next);
      if (!failure) continue;
      problems++;
      process.stderr.write(`examples: ${failure.name} failed:\n${failure.output.trim()}\n`);
    }
  };
  await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker));
  process.stdout.write(`examples: ${examples.length} run\n`);
  return problems;
}
