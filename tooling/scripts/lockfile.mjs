// The lockfile must work with every registry: it names none.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './toolchain.mjs';

/** Gives the number of problems. */
export function checkLockfile() {
  const lines = readFileSync(join(root, 'pnpm-lock.yaml'), 'utf8').split('\n');
  const bad = lines.filter((line) => /https?:\/\/|tarball:/.test(line));
  for (const line of bad) process.stderr.write(`lockfile: names a host: ${line.trim()}\n`);
  return bad.length;
}
