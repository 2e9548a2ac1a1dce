// The commands of the root package.json: brings pnpm, installs, builds what changed, then runs the command.
import { join } from 'node:path';
import { install, pnpmExec, prepare, root, run } from './toolchain.mjs';

const [task, ...args] = process.argv.slice(2);

const turbo = (name, extra = [], options = {}) =>
  pnpmExec(['turbo', 'run', name, '--concurrency=1', ...extra], options);

const tasks = {
  async quickstart() {
    await prepare({ quiet: true });
    return run(process.execPath, [join(root, 'apps', 'quickstart', 'dist', 'main.js'), ...args]);
  },
  async tessera() {
    await prepare({ quiet: true });
    return run(process.execPath, [join(root, 'packages', 'cli', 'dist', 'bin.js'), ...args], {
      cwd: process.env.INIT_CWD ?? process.cwd(),
    });
  },
  async test() {
    await prepare();
    const { forgetCounts, printCounts } = await import('./counts.mjs');
    forgetCounts();
    const code = await turbo('test', ['--continue', ...args]);
    return printCounts() ? code : code || 1;
  },
  async 'test:fixtures'() {
    await prepare();
    const { testFixtures } = await import('./fixtures.mjs');
    return testFixtures(args);
  },
  async bench() {
    await prepare({ quiet: true });
    return run(process.execPath, [join(root, 'tooling', 'bench', 'dist', 'main.js'), ...args], {
      cwd: process.env.INIT_CWD ?? process.cwd(),
    });
  },
  async pack() {
    await prepare({ quiet: true });
    const { pack } = await import('./pack.mjs');
    return pack(args[0]);
  },
  async api() {
    await prepare();
    const { checkApi } = await import('./api.mjs');
    return checkApi({ write: true });
  },
  async format() {
    await install();
    return pnpmExec(['biome', 'format', '--write', ...(args.length > 0 ? args : ['.'])]);
  },
  async docs() {
    await prepare();
    const { check } = await import('./check.mjs');
    return check(['docs']);
  },
  async 'new-package'() {
    const { newPackage } = await import('./new-package.mjs');
    return newPackage(args);
  },
  async check() {
    await prepare();
    const { check } = await import('./check.mjs');
    return check(args);
  },
};

const chosen = tasks[task];
if (!chosen) {
  process.stderr.write(`expected one of ${Object.keys(tasks).join(', ')}, got ${task}\n`);
  process.exit(2);
}
chosen().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = 1;
  },
);
