import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { defineConfig } from 'vitest/config';

/** Writes how many tests passed, failed and were skipped, for the totals of `npm test`. */
class Counts {
  onTestRunEnd(modules) {
    const total = { passed: 0, failed: 0, skipped: 0 };
    for (const module of modules) {
      if (module.state() === 'failed' && module.errors().length > 0) total.failed++;
      for (const test of module.children.allTests()) {
        const { state } = test.result();
        if (state in total) total[state]++;
      }
    }
    const folder = join(process.cwd(), '.turbo');
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'test-counts.json'), JSON.stringify(total));
  }
}

/** Tests beside their sources. Fixture tests run only under `npm run test:fixtures`. */
export function tests(options = {}) {
  return defineConfig({
    test: {
      include: ['src/**/*.test.ts'],
      exclude: ['**/*.fixture.test.ts', '**/node_modules/**'],
      testTimeout: 120_000,
      passWithNoTests: true,
      reporters: ['default', new Counts()],
      ...options,
    },
  });
}

/** The tests that read the fixtures, one file at a time. */
export function fixtureTests(options = {}) {
  return defineConfig({
    test: {
      include: ['src/**/*.fixture.test.ts'],
      testTimeout: 600_000,
      hookTimeout: 600_000,
      fileParallelism: false,
      passWithNoTests: true,
      reporters: ['dot'],
      ...options,
    },
  });
}
