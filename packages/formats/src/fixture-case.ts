import { appendFileSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { it } from 'vitest';

// The shared test tooling imports this package, so that its fixture tests find and count by themselves.
const root =
  process.env.TESSERA_FIXTURES ?? join(dirname(fileURLToPath(import.meta.url)), '../../../../shared/fixtures');

/** The folder of the fixtures that this package reads, and whether it is there. */
export const area = join(root, 'quant');
export const present = existsSync(area);

/** A case that `npm run test:fixtures` counts. */
export function fixtureCase(name: string, run: () => unknown): void {
  const note = (status: 'passed' | 'failed', detail?: string) => {
    const file = process.env.TESSERA_FIXTURE_RESULTS;
    if (file) appendFileSync(file, `${JSON.stringify({ area: 'quant', name, status, detail })}\n`);
  };
  it(name, async () => {
    try {
      await run();
    } catch (error) {
      note('failed', String(error));
      throw error;
    }
    note('passed');
  });
}

/** Writes what was computed for a fixture file, if `--dump` was given. Files don't depend on a backend: `reference`. */
export function dump(file: string, content: string | Uint8Array): void {
  const folder = process.env.TESSERA_FIXTURE_DUMP;
  if (!folder) return;
  const path = join(folder, 'reference', 'quant', file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
