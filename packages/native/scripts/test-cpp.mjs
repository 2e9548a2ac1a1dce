// Builds and runs the C++ tests, which call the kernels of every instruction family that this machine has, the AVX-512
// sources lowered to AVX2, and on AVX-512 those families whose instructions the tests write out (bfloat16, tiles) where the
// processor lacks them. --sanitize: under AddressSanitizer and UndefinedBehaviorSanitizer. --target linux-arm64
// or win32-x64: cross-compiled, under qemu-user or Wine; skipped where the tools are absent. Another word filters.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import {
  compileAndLink,
  emulatedFamilies,
  families,
  findCompiler,
  isInstalled,
  root,
  targetOf,
  targets,
} from './toolchain.mjs';

const sanitize = process.argv.includes('--sanitize');
const target = targetOf(process.argv.slice(2));
const compiler = findCompiler(target);
if (compiler === null || compiler.family === null) {
  const wanted = target === undefined ? 'for this platform' : `for ${target} (${targets[target].compilers.join(', ')})`;
  process.stdout.write(`native: skipped, no C++ compiler ${wanted}\n`);
  process.exit(0);
}
const runner =
  target === undefined
    ? (process.env.TESSERA_RUNNER ?? '').split(' ').filter((word) => word !== '')
    : targets[target].runner;
if (runner[0] !== undefined && !isInstalled(runner[0])) {
  process.stdout.write(
    `native: skipped, ${runner[0]} is not installed, which runs the tests of ${target ?? 'another platform'}\n`,
  );
  process.exit(0);
}
const isas = { ...families[compiler.family] };
if (compiler.family === 'x86_64') isas.wide = { flags: ['-mavx2', '-mfma', '-mf16c', '-mbmi2'] };
const emulated = target === undefined && compiler.family === 'x86_64' && runner.length === 0 ? emulatedFamilies() : {};
Object.assign(isas, emulated);
const tests = join(root, 'test');
const suffix = `${target === undefined ? '' : `-${target}`}${sanitize ? '-sanitize' : ''}`;
const output = join(root, 'build', `test${suffix}${compiler.system === 'windows' ? '.exe' : ''}`);
const sanitizers = [
  '-fsanitize=address,undefined',
  '-fno-sanitize-recover=undefined',
  '-fno-omit-frame-pointer',
  '-g1',
  '-O1',
];
await compileAndLink({
  compiler,
  headers: null,
  folder: join(root, 'build', `${compiler.machine}-${sanitize ? 'sanitize' : 'test'}`),
  output,
  entries: readdirSync(tests)
    .filter((name) => name.endsWith('.cc'))
    .map((name) => join(tests, name)),
  link: [
    ...(target === undefined ? [] : ['-static']),
    '-pthread',
    ...(compiler.system === 'windows' ? ['-lsynchronization'] : []),
  ],
  isas,
  extraFlags: ['-I', root, ...(sanitize ? sanitizers : [])],
  jobs: Math.max(2, availableParallelism()),
  defines: {
    TS_EMULATED: Object.keys(emulated)
      .map((isa) => `ts::Isa::${isa},`)
      .join(''),
  },
});
const filter = process.argv.slice(2).filter((word, i, words) => !word.startsWith('--') && words[i - 1] !== '--target');
const [command, ...args] = [...runner, output, ...filter];
const result = spawnSync(command, args, { stdio: 'inherit' });
if (result.signal !== null) process.stderr.write(`native: the tests ended with ${result.signal}\n`);
process.exit(result.status ?? 1);
