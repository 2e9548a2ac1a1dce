import { defineConfig } from 'vitest/config';

/** Tests beside their sources. Fixture tests run only under `npm run test:fixtures`. */
export function tests(options = {}) {
  return defineConfig({
    test: {
      include: ['src/**/*.test.ts'],
      exclude: ['**/*.fixture.test.ts', '**/node_modules/**'],
      testTimeout: 60_000,
      ...options,
    },
  });
}
