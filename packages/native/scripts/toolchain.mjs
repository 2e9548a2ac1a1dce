// What a compiler is asked to do, for the addon and for the C++ tests alike.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { spawn } from 'node:child_process';
import { delimiter, dirname, isAbsolute, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const sources = join(root, 'src');

const avx2 = ['-mavx2', '-mfma', '-mf16c', '-mbmi2'];
const avx512 = [
  '-mavx512f',
  '-mavx512bw',
  '-mavx512dq',
  '-mavx512vl',
  '-mfma',
  '-mf16c',
  '-mbmi2',
  '-mprefer-vector-width=512',
];
const avx512vnni = [...avx512, '-mavx512vnni'];
const avx512bf16 = [...avx512vnni, '-mavx512bf16'];
/** Those of AVX-512 with VNNI that `test/emulated.h` stands in front of, for the tests of what this machine lacks. */
const emulated = [...avx512vnni, '-include', join(root, 'test', 'emulated.h')];

// Flags of each instruction family. `extra` families are built only for kernel files that ask for them in a line
// `// isa: NAME …`, because their instructions matter to products alone.
export const families = {
  x86_64: {
    baseline: { flags: [] },
    avx2: { flags: avx2 },
    avx512: { flags: avx512 },
    avx512vnni: { extra: true, flags: avx512vnni },
    avx512bf16: { extra: true, flags: avx512bf16 },
    amx: { extra: true, flags: [...avx512bf16, '-mamx-tile', '-mamx-bf16'] },
  },
  aarch64: { neon: { flags: ['-march=armv8-a'] } },
};

// -ffp-contract=off: whether a product and a sum are fused is written in the source, or results would depend on what
// the compiler happens to see. No -ffast-math for the same reason.
const common = [
  '-std=c++20',
  '-O3',
  '-fPIC',
  '-fvisibility=hidden',
  '-ffp-contract=off',
  '-fno-math-errno',
  '-fno-trapping-math',
  '-Wall',
  '-Wextra',
  '-Wno-psabi',
  '-pthread',
];
// A warning that clang has not heard of.
const gccFlags = ['-Wno-maybe-uninitialized'];
// Windows' stacks are aligned to 16 bytes, and the compiler moves spilled vectors as if they were to more.
const systemFlags = { windows: ['-D__USE_MINGW_ANSI_STDIO=1', '-Wa,-muse-unaligned-vector-move'] };
// An exception would need frames of another instruction family's library code.
const kernelFlags = ['-fno-exceptions', '-fno-rtti'];

/**
 * Families that this machine can run emulated alone: those of AVX-512 beyond VNNI that its processor lacks, with their flags.
 * Without Linux there is no telling, and none.
 */
export function emulatedFamilies() {
  const found = existsSync('/proc/cpuinfo')
    ? (/^flags.*$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[0] ?? '')
    : '';
  const has = (...flags) => flags.every((flag) => found.includes(` ${flag}`));
  if (!has('avx512f', 'avx512bw', 'avx512dq', 'avx512vl', 'avx512_vnni')) return {};
  return {
    ...(has('avx512_bf16') ? {} : { avx512bf16: { extra: true, flags: emulated } }),
    ...(has('avx512_bf16', 'amx_tile', 'amx_bf16', 'amx_int8') ? {} : { amx: { extra: true, flags: emulated } }),
  };
}

/**
 * Platforms that this machine can build for beside its own, by Debian's cross compilers. `runner` runs their programs here.
 * Windows needs the compiler with POSIX threads, which has std::thread.
 */
export const targets = {
  'linux-arm64': { compilers: ['aarch64-linux-gnu-g++'], runner: ['qemu-aarch64', '-L', '/usr/aarch64-linux-gnu'] },
  'win32-x64': { compilers: ['x86_64-w64-mingw32-g++-posix'], runner: ['/usr/lib/wine/wine64'] },
};

/** The target that `--target NAME` or `--target=NAME` asks for; undefined: this machine. */
export function targetOf(args) {
  const at = args.findIndex((word) => word === '--target' || word.startsWith('--target='));
  if (at < 0) return undefined;
  const name = args[at].includes('=') ? args[at].slice('--target='.length) : args[at + 1];
  if (targets[name] !== undefined) return name;
  throw new Error(`native: expected --target ${Object.keys(targets).join(' or ')}, got ${name}`);
}

/** True if a program of that name is on the path, or at it. */
export function isInstalled(command) {
  if (isAbsolute(command)) return existsSync(command);
  return (process.env.PATH ?? '').split(delimiter).some((folder) => folder !== '' && existsSync(join(folder, command)));
}

/** The compiler of the target, or the one that $CXX names, else g++ or clang++; null if none answers. */
export function findCompiler(target) {
  const own = process.env.CXX ? [process.env.CXX] : ['g++', 'clang++', 'c++'];
  const candidates = target === undefined ? own : targets[target].compilers;
  for (const text of candidates) {
    const [command, ...args] = text.split(' ').filter((part) => part !== '');
    if (command === undefined) continue;
    try {
      const run = (flag) =>
        execFileSync(command, [...args, flag], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).trim();
      const machine = run('-dumpmachine');
      const version = run('--version').split('\n')[0];
      if (machine === '' || version === undefined) continue;
      const family = /^(x86_64|amd64)/.test(machine) ? 'x86_64' : /^(aarch64|arm64)/.test(machine) ? 'aarch64' : null;
      const system = /mingw|windows/.test(machine) ? 'windows' : /apple|darwin/.test(machine) ? 'darwin' : 'linux';
      return { command, args, machine, version, family, system };
    } catch {
      // Not there, or not a compiler: try the next.
    }
  }
  return null;
}

/** Folder of Node-API's headers and the version of the package that brings them; null if it is not installed. */
export function findHeaders() {
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve('node-api-headers/package.json');
    return {
      include: join(dirname(manifest), 'include'),
      folder: dirname(manifest),
      version: JSON.parse(readFileSync(manifest, 'utf8')).version,
    };
  } catch {
    return null;
  }
}

function filesUnder(folder, accept) {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && accept(entry.name))
    .map((entry) => join(entry.parentPath ?? entry.path, entry.name))
    .sort();
}

export const hash = (...parts) => {
  const made = createHash('sha256');
  for (const part of parts) made.update(part).update('\0');
  return made.digest('hex');
};

/** A source and the project's own files that it includes, directly or not, in the order in which they are met. */
function includedFiles(file, folders, seen = new Set()) {
  if (seen.has(file)) return seen;
  seen.add(file);
  for (const [, name] of readFileSync(file, 'utf8').matchAll(/^#include "([^"]+)"/gm)) {
    const found = [dirname(file), ...folders].map((folder) => join(folder, name)).find((path) => existsSync(path));
    if (found !== undefined) includedFiles(found, folders, seen);
  }
  return seen;
}

/** Kernel families: the files of src/kernels, with the instruction families that each is built for. */
export function kernelFiles(isas) {
  return filesUnder(join(sources, 'kernels'), (name) => name.endsWith('.cc')).map((file) => {
    const text = readFileSync(file, 'utf8');
    const asked = [...text.matchAll(/^\/\/ isa: (.+)$/gm)].flatMap((match) => match[1].split(' '));
    const family = file
      .slice(file.lastIndexOf('/') + 1)
      .replace(/^.*\\/, '')
      .replace(/\.cc$/, '');
    return { file, family, isas: Object.keys(isas).filter((isa) => !isas[isa].extra || asked.includes(isa)) };
  });
}

/** Writes beside and renames, and leaves an equal file alone so that its users are not rebuilt. */
export function writeIfChanged(file, text) {
  if (existsSync(file) && readFileSync(file, 'utf8') === text) return;
  mkdirSync(dirname(file), { recursive: true });
  const beside = `${file}.${process.pid}.tmp`;
  writeFileSync(beside, text);
  renameSync(beside, file);
}

export function run(command, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let output = '';
    child.stdout.on('data', (chunk) => (output += chunk));
    child.stderr.on('data', (chunk) => (output += chunk));
    child.on('error', reject);
    child.on('close', (code) =>
      code === 0 ? resolve(output) : reject(new Error(output || `${command} ended with ${code}`)),
    );
  });
}

/**
 * Compiles core, kernels and `entries` and links them with `link`; objects are kept by the hash of everything that
 * went into them. Gives the number of objects that were compiled.
 */
export async function compileAndLink({
  compiler,
  headers,
  folder,
  output,
  entries,
  link,
  isas,
  extraFlags = [],
  jobs = 2,
  defines = {},
}) {
  const userFlags = (process.env.CXXFLAGS ?? '').split(' ').filter((flag) => flag !== '');
  const kernels = kernelFiles(isas);
  const generated = join(folder, 'generated');
  const lines = kernels.flatMap(({ family, isas: built }) => built.map((isa) => `TS_FAMILY_TABLE(${isa}, ${family})`));
  writeIfChanged(join(generated, 'families.inc'), `${lines.join('\n')}\n`);

  const includes = ['-I', sources, '-I', generated, ...(headers ? ['-isystem', headers.include] : [])];
  const shared = [
    ...compiler.args,
    ...common,
    ...(/clang/i.test(compiler.version) ? [] : gccFlags),
    ...(systemFlags[compiler.system] ?? []),
    ...extraFlags,
    ...userFlags,
    ...includes,
  ];
  const core = filesUnder(join(sources, 'core'), (name) => name.endsWith('.cc'));
  // Baseline objects come first: where two objects hold the same inline function of a library header, linkers keep the
  // first, and an AVX-512 copy of it would crash older machines.
  const units = [
    ...[...core, ...entries].map((file) => ({ file, flags: [], name: 'core' })),
    ...Object.keys(isas).flatMap((isa) =>
      kernels
        .filter((kernel) => kernel.isas.includes(isa))
        .map(({ file }) => ({
          file,
          name: isa,
          flags: [...kernelFlags, ...isas[isa].flags, `-DTS_ISA=${isa}`, `-DTS_ISA_${isa}`],
        })),
    ),
  ].map((unit) => {
    const flags = [...shared, ...Object.entries(defines).map(([key, value]) => `-D${key}=${value}`), ...unit.flags];
    const forced = flags.filter((_, i) => flags[i - 1] === '-include');
    const read = [unit.file, ...forced].flatMap((file) => [...includedFiles(file, [sources, generated, root])]);
    const key = hash(
      compiler.version,
      compiler.machine,
      headers?.version ?? '',
      ...read.map((file) => readFileSync(file)),
      ...flags,
    );
    const base = relative(root, unit.file).replace(/[^\w]+/g, '_');
    return { ...unit, flags, object: join(folder, 'objects', `${base}.${unit.name}.${key.slice(0, 20)}.o`) };
  });

  const stamp = hash(...units.map((unit) => unit.object), ...link);
  const stampFile = `${output}.stamp`;
  if (existsSync(output) && existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return 0;

  mkdirSync(join(folder, 'objects'), { recursive: true });
  mkdirSync(dirname(output), { recursive: true });
  const pending = units.filter((unit) => !existsSync(unit.object));
  const queue = [...pending];
  const worker = async () => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
      const beside = `${unit.object}.${process.pid}.tmp`;
      const warnings = await run(compiler.command, [...unit.flags, '-c', unit.file, '-o', beside]);
      if (warnings.trim() !== '') process.stderr.write(warnings);
      renameSync(beside, unit.object);
    }
  };
  await Promise.all(Array.from({ length: jobs }, worker));
  const beside = `${output}.${process.pid}.tmp`;
  await run(compiler.command, [
    ...compiler.args,
    ...extraFlags,
    ...units.map((unit) => unit.object),
    ...link,
    '-o',
    beside,
  ]);
  renameSync(beside, output);
  writeIfChanged(stampFile, stamp);
  const current = new Set(units.map((unit) => unit.object));
  for (const file of filesUnder(join(folder, 'objects'), (name) => name.endsWith('.o'))) {
    if (!current.has(file)) rmSync(file, { force: true });
  }
  return pending.length;
}
