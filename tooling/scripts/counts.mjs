// Adds up what the vitest runs of the packages counted (see tooling/config/vitest.mjs).
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Totals of the counts in a folder. */
export function readCounts(folder) {
  const total = { passed: 0, failed: 0, skipped: 0 };
  if (!existsSync(folder)) return total;
  for (const file of readdirSync(folder)) {
    const counts = JSON.parse(readFileSync(join(folder, file), 'utf8'));
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
  return total;
}

/** Prints `N passed, N failed, N skipped`; false if nothing ran (all of it came from the cache, or there is none). */
export function printCounts(folder) {
  const { passed, failed, skipped } = readCounts(folder);
  if (passed + failed === 0) process.stdout.write('no test ran: every package is as it was when its tests last passed\n');
  else process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return failed === 0;
}
