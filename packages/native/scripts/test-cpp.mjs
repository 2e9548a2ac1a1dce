// Builds and runs the C++ tests, which call the kernels of every instruction family that this machine has, and the
// AVX-512 sources lowered to AVX2. --sanitize: under AddressSanitizer and UndefinedBehaviorSanitizer. Other words filter.
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { compileAndLink, families, findCompiler, root } from './toolchain.mjs';

const sanitize = process.argv.includes('--sanitize');
const compiler = findCompiler();
if (compiler === null || compiler.family === null) {
  process.stdout.write('native: skipped, no C++ compiler for this platform\n');
  process.exit(0);
}
const isas = { ...families[compiler.family] };
if (compiler.family === 'x86_64') isas.wide = { flags: ['-mavx2', '-mfma', '-mf16c', '-mbmi2'] };
const tests = join(root, 'test');
const output = join(root, 'build', sanitize ? 'test-sanitize' : 'test');
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
  link: ['-pthread'],
  isas,
  extraFlags: ['-I', root, ...(sanitize ? sanitizers : [])],
  jobs: Math.max(2, availableParallelism()),
});
const filter = process.argv.slice(2).filter((word) => !word.startsWith('--'));
const command = (process.env.TESSERA_RUNNER ?? '').split(' ').filter((word) => word !== '');
const result = spawnSync(
  command[0] ?? output,
  [...command.slice(1), ...(command.length > 0 ? [output] : []), ...filter],
  { stdio: 'inherit' },
);
process.exit(result.status ?? 1);
