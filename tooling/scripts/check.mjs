// Every check besides the tests. `npm run check` runs all, `npm run check -- NAME…` the named ones.
import { join } from 'node:path';
import { pnpmExec, root, run } from './toolchain.mjs';

const bin = (...parts) => join(root, 'node_modules', ...parts);
const problems = async (code) => ((await code) === 0 ? 0 : 1);

const checks = {
  format: () => problems(pnpmExec(['biome', 'format', '.'])),
  lint: () => problems(pnpmExec(['biome', 'lint', '--error-on-warnings', '.'])),
  layers: async () => (await import('./layers.mjs')).checkLayers(),
  manifests: async () => (await import('./manifests.mjs')).checkManifests(),
  lockfile: async () => (await import('./lockfile.mjs')).checkLockfile(),
  types: () =>
    problems(pnpmExec(['turbo', 'run', 'typecheck', '--force', '--only', '--output-logs=errors-only', '--continue'])),
  examples: async () => (await import('./examples.mjs')).checkExamples(),
  api: async () => (await import('./api.mjs')).checkApi(),
  documented: async () => (await import('./documented.mjs')).checkDocumented(),
  docs: () => problems(run(process.execPath, [bin('typedoc', 'bin', 'typedoc'), '--logLevel', 'Warn'])),
  knip: () => problems(pnpmExec(['knip', '--no-progress'])),
  // The kernels' own tests, under AddressSanitizer and UndefinedBehaviorSanitizer; skipped without a compiler.
  cpp: () =>
    problems(run(process.execPath, [join(root, 'packages', 'native', 'scripts', 'test-cpp.mjs'), '--sanitize'])),
  // The kernels' own tests for arm64, cross-compiled and under qemu-user; skipped without Debian's cross compiler.
  arm64: () =>
    problems(
      run(process.execPath, [join(root, 'packages', 'native', 'scripts', 'test-cpp.mjs'), '--target', 'linux-arm64']),
    ),
  packed: async () => (await import('./packed.mjs')).checkPacked(),
};

/** Runs checks and gives {passed, failed}, by name. */
// Minutes under an emulator: only where they are named.
const onDemand = new Set(['arm64']);

export async function runChecks(names = []) {
  const unknown = names.filter((name) => !checks[name]);
  if (unknown.length > 0)
    throw new Error(`expected checks out of ${Object.keys(checks).join(', ')}, got ${unknown.join(', ')}`);
  const result = { passed: [], failed: [] };
  for (const name of names.length > 0 ? names : Object.keys(checks).filter((name) => !onDemand.has(name))) {
    process.stdout.write(`\n== ${name}\n`);
    const start = Date.now();
    let count = 1;
    try {
      count = await checks[name]();
    } catch (error) {
      process.stderr.write(`${name}: ${error.message}\n`);
    }
    result[count === 0 ? 'passed' : 'failed'].push(name);
    process.stdout.write(
      `== ${name}: ${count === 0 ? 'passed' : 'failed'} in ${((Date.now() - start) / 1000).toFixed(1)} s\n`,
    );
  }
  return result;
}

/** `npm run check`: gives the exit code. */
export async function check(names) {
  const { passed, failed } = await runChecks(names);
  process.stdout.write(`\nchecks passed: ${passed.join(', ') || 'none'}; failed: ${failed.join(', ') || 'none'}\n`);
  return failed.length === 0 ? 0 : 1;
}
