import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

// The program as it is installed: from the build.
const bin = fileURLToPath(new URL('../dist/bin.js', import.meta.url));
const full = '/dev/full';

describe('the program', () => {
  it.skipIf(!existsSync(full))('says that its results could not be written, without a stack', () => {
    const out = openSync(full, 'w');
    const { status, stderr } = spawnSync(process.execPath, [bin, '--help'], {
      stdio: ['ignore', out, 'pipe'],
      encoding: 'utf8',
    });
    closeSync(out);
    expect(stderr).toMatch(/^tessera: expected to write to standard output, got ENOSPC[^\n]*\n$/);
    expect(status).toBe(1);
  });
});
