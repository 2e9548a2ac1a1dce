// Adds up what the vitest runs of the packages counted (see tooling/config/vitest.mjs). The counts are an output of the
// turbo task, so a package whose tests are as they were when they last passed counts too.
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { packageFolders, readJson } from './toolchain.mjs';

const countFile = (folder) => join(folder, '.turbo', 'test-counts.json');

/** Forgets the counts of earlier runs. */
export function forgetCounts() {
  for (const folder of packageFolders()) rmSync(countFile(folder), { force: true });
}

/** Totals over all packages. */
export function collectCounts() {
  const total = { passed: 0, failed: 0, skipped: 0 };
  for (const file of packageFolders().map(countFile)) {
    if (!existsSync(file)) continue;
    const counts = readJson(file);
    for (const key of Object.keys(total)) total[key] += counts[key];
  }
  return total;
}

/** Prints `N passed, N failed, N skipped`; false if one failed or none ran. */
export function printCounts() {
  const { passed, failed, skipped } = collectCounts();
  process.stdout.write(`${passed} passed, ${failed} failed, ${skipped} skipped\n`);
  return failed === 0 && passed > 0;
}
