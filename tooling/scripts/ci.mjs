// All of CI in one command, nothing from a cache: the README's test command, the fixtures, then every other check. The
// last line holds the totals.
import { npmEntry, root, run } from './toolchain.mjs';
import { collectCounts } from './counts.mjs';
import { readFixtureTotals, forgetFixtureTotals } from './fixtures.mjs';

const npm = (...args) => run(process.execPath, [npmEntry(), ...args], { cwd: root });

forgetFixtureTotals();
const codes = {};
process.stdout.write('== npm test\n');
codes.test = await npm('test', '--', '--force');
const tests = collectCounts();
process.stdout.write('\n== npm run test:fixtures\n');
codes['test:fixtures'] = await npm('run', '-s', 'test:fixtures');
const fixtures = readFixtureTotals();

const { runChecks } = await import('./check.mjs');
const checks = await runChecks();
const broken = Object.keys(codes).filter((name) => codes[name] !== 0);

process.stdout.write(`\ntests     ${tests.passed} passed, ${tests.failed} failed, ${tests.skipped} skipped\n`);
process.stdout.write(
  fixtures
    ? `fixtures  ${fixtures.passed} passed, ${fixtures.failed} failed, ${fixtures.unsupported} unsupported\n`
    : 'fixtures  skipped\n',
);
process.stdout.write(
  `checks    ${checks.passed.length} passed, ${checks.failed.length} failed${checks.failed.length > 0 ? `: ${checks.failed.join(', ')}` : ''}\n`,
);
if (broken.length > 0) process.stdout.write(`ended with an error: ${broken.join(', ')}\n`);

const passed = tests.passed + (fixtures?.passed ?? 0) + checks.passed.length;
let failed = tests.failed + (fixtures?.failed ?? 0) + checks.failed.length;
if (failed === 0) failed = broken.length; // a command that broke before it could count
process.stdout.write(`${passed} passed, ${failed} failed\n`);
process.exitCode = failed === 0 ? 0 : 1;
