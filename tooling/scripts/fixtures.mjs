// npm run test:fixtures [-- --dump DIR]: every test that reads the fixtures, never from a cache.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { pnpmExec, readJson, root } from './toolchain.mjs';

/** The areas that packages test by now; each must have cases in a folder that TESSERA_FIXTURES names. */
const areas = ['ops', 'optim', 'models', 'training', 'tokenizers', 'quant', 'real', 'finetune'];

const totalsFile = join(root, 'node_modules', '.tessera', 'fixtures.json');

/** Forgets the totals of earlier runs. */
export function forgetFixtureTotals() {
  rmSync(totalsFile, { force: true });
}

/** The totals of the last run; null if there was none, or no folder of fixtures. */
export function readFixtureTotals() {
  return existsSync(totalsFile) ? readJson(totalsFile) : null;
}

function readRecords(file) {
  if (!existsSync(file)) return [];
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
}

/** Runs the fixture tests and prints the folder and the number of cases of each area. Gives the exit code. */
export async function testFixtures(args) {
  const at = args.indexOf('--dump');
  const dump = at >= 0 ? args[at + 1] : undefined;
  if (at >= 0 && !dump) {
    process.stderr.write('expected a folder after --dump\n');
    return 2;
  }
  const named = process.env.TESSERA_FIXTURES;
  const folder = named ? resolve(process.env.INIT_CWD ?? root, named) : resolve(root, '..', 'shared', 'fixtures');
  if (!existsSync(folder)) {
    process.stdout.write(`fixtures: no folder ${folder}; the tests that read it are skipped\n`);
    return named ? 1 : 0;
  }
  const scratch = mkdtempSync(join(tmpdir(), 'tessera-fixtures-'));
  const results = join(scratch, 'results.jsonl');
  const env = { TESSERA_FIXTURES: folder, TESSERA_FIXTURE_RESULTS: results };
  if (dump) {
    env.TESSERA_FIXTURE_DUMP = resolve(process.env.INIT_CWD ?? root, dump);
    mkdirSync(env.TESSERA_FIXTURE_DUMP, { recursive: true });
  }
  try {
    const code = await pnpmExec(
      ['turbo', 'run', 'test:fixtures', '--force', '--concurrency=1', '--continue', '--output-logs=errors-only'],
      { env },
    );
    const records = readRecords(results);
    process.stdout.write(`fixtures: ${folder}\n`);
    let missing = 0;
    const totals = { passed: 0, failed: 0, unsupported: 0 };
    for (const area of [...new Set([...areas, ...records.map((r) => r.area)])]) {
      const count = { passed: 0, failed: 0, unsupported: 0 };
      for (const r of records) if (r.area === area) count[r.status]++;
      for (const key of Object.keys(totals)) totals[key] += count[key];
      const none = count.passed + count.failed + count.unsupported === 0;
      if (none) missing++;
      process.stdout.write(
        `  ${area.padEnd(11)} ${count.passed} passed, ${count.failed} failed, ${count.unsupported} unsupported${none ? '  (no cases)' : ''}\n`,
      );
    }
    if (dump) {
      const unsupported = records
        .filter((r) => r.status === 'unsupported')
        .map(({ area, name, detail }) => ({ area, name, detail }));
      writeFileSync(join(env.TESSERA_FIXTURE_DUMP, 'unsupported.json'), `${JSON.stringify(unsupported, null, 2)}\n`);
    }
    mkdirSync(dirname(totalsFile), { recursive: true });
    writeFileSync(totalsFile, JSON.stringify(totals));
    process.stdout.write(`${totals.passed} passed, ${totals.failed} failed, ${totals.unsupported} unsupported\n`);
    if (named && missing > 0) {
      process.stderr.write('fixtures: TESSERA_FIXTURES is set, and an area that is tested has no cases in it\n');
      return 1;
    }
    return code !== 0 || totals.failed > 0 ? 1 : 0;
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}
