// Checks the packages as users get them: from their tarballs, in folders outside the workspace.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';
import { pack } from './pack.mjs';
import { npmEntry, packageFolders, pnpmExec, readJson, root, run } from './toolchain.mjs';

/** All tarballs of a folder by the package's short name. */
function tarballs(folder) {
  const found = new Map();
  for (const file of readdirSync(folder)) {
    const match = file.match(/^tessera-llm-(.+)-\d+\.\d+\.\d+.*\.tgz$/);
    if (match) found.set(match[1], join(folder, file));
  }
  return found;
}

async function metadata(found) {
  let problems = 0;
  for (const [name, file] of found) {
    if (name.startsWith('native-')) continue;
    const data = readFileSync(file);
    const buffer = data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength);
    const { messages, pkg } = await publint({ pack: { tarball: buffer }, strict: true });
    for (const message of messages) {
      problems++;
      process.stderr.write(`publint: ${name}: ${formatMessage(message, pkg, { color: false })}\n`);
    }
    const exports = Object.keys(readJson(join(root, 'packages', name, 'package.json')).exports);
    const code = await pnpmExec([
      'attw',
      file,
      '--profile',
      'esm-only',
      '--no-emoji',
      '--format',
      'ascii',
      '--quiet',
      '--entrypoints',
      ...exports,
    ]);
    if (code !== 0) {
      problems++;
      process.stderr.write(`attw: ${name}: the types do not match what is published\n`);
    }
  }
  return problems;
}

function emptyFolder() {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-packed-'));
  writeFileSync(join(folder, 'package.json'), '{"private":true,"type":"module"}\n');
  return folder;
}

function npmInstall(folder, files) {
  const result = spawnSync(
    process.execPath,
    [npmEntry(), 'install', '--no-audit', '--no-fund', '--ignore-scripts', ...files],
    {
      cwd: folder,
      encoding: 'utf8',
    },
  );
  if (result.status !== 0)
    throw new Error(`npm install of ${files.join(' ')} failed:\n${result.stdout}${result.stderr}`);
}

function evaluate(folder, code) {
  const file = join(folder, 'test.mjs');
  writeFileSync(file, code);
  return spawnSync(process.execPath, [file], { cwd: folder, encoding: 'utf8' });
}

/** Type-checks a program that imports every package, without Node's types and with every library checked. */
async function consumer(found) {
  const folder = emptyFolder();
  try {
    npmInstall(folder, [...found.values()]);
    const lines = [];
    for (const place of packageFolders(['packages'])) {
      const manifest = readJson(join(place, 'package.json'));
      if (manifest.private) continue;
      for (const key of Object.keys(manifest.exports)) {
        lines.push(`export * as m${lines.length} from '${manifest.name}${key.slice(1)}';`);
      }
    }
    writeFileSync(join(folder, 'index.ts'), `${lines.join('\n')}\n`);
    let problems = 0;
    for (const [module, moduleResolution] of [
      ['nodenext', 'nodenext'],
      ['esnext', 'bundler'],
    ]) {
      const compilerOptions = {
        target: 'es2022',
        module,
        moduleResolution,
        types: [],
        strict: true,
        skipLibCheck: false,
        noEmit: true,
      };
      const config = join(folder, `tsconfig.${moduleResolution}.json`);
      writeFileSync(config, JSON.stringify({ compilerOptions, files: ['index.ts'] }));
      const code = await run(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', config], {
        cwd: folder,
      });
      if (code !== 0) {
        problems++;
        process.stderr.write(`consumer: the packed types do not check with moduleResolution ${moduleResolution}\n`);
      }
    }
    return problems;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function expectIn(what, condition, result) {
  if (condition) return 0;
  process.stderr.write(`packed: ${what}\n${result.stdout}${result.stderr}`);
  return 1;
}

function installed(folder) {
  return readdirSync(join(folder, 'node_modules', '@tessera-llm'))
    .sort()
    .join(' ');
}

/** What comes along, and which backend runs, after an installation into an empty folder. */
function installations(found) {
  let problems = 0;
  const within = (files, check) => {
    const folder = emptyFolder();
    try {
      npmInstall(folder, files);
      problems += check(folder);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  };
  within([found.get('tokenizers')], (folder) => {
    const result = evaluate(
      folder,
      "import { trainBpe } from '@tessera-llm/tokenizers'; console.log(typeof trainBpe);",
    );
    return (
      expectIn('tokenizers alone does not import', result.stdout.trim() === 'function', result) +
      expectIn(`tokenizers brings ${installed(folder)}`, installed(folder) === 'tokenizers', result)
    );
  });
  const program = `
    import { defaultBackend, tensor, add } from '@tessera-llm/tensor';
    const x = add(tensor([1, 2]), tensor([3, 4]));
    console.log(defaultBackend().name, Array.from(await x.data()).join());
    defaultBackend();`;
  const [native] = [...found.keys()].filter((name) => name.startsWith('native-'));
  if (native) {
    within([found.get('tensor'), found.get('native'), found.get(native)], (folder) => {
      const result = evaluate(folder, program);
      return expectIn(
        'tensor with the native tarball',
        result.stdout.trim() === 'native 4,6' && result.stderr === '',
        result,
      );
    });
  }
  within([found.get('tensor'), found.get('native')], (folder) => {
    const result = evaluate(folder, program);
    const notices = result.stderr.split('\n').filter(Boolean).length;
    return expectIn(
      'tensor without the native tarball',
      result.stdout.trim() === 'reference 4,6' && notices === 1,
      result,
    );
  });
  return problems;
}

/** Packs everything and checks it; gives the number of problems. */
export async function checkPacked() {
  const folder = mkdtempSync(join(tmpdir(), 'tessera-tarballs-'));
  try {
    if ((await pack(folder, { print: false })) !== 0) return 1;
    const found = tarballs(folder);
    return (await metadata(found)) + (await consumer(found)) + installations(found);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
