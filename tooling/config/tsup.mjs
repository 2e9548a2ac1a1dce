import { defineConfig } from 'tsup';

/** The build of every package: ESM for Node 20 (`using` lowered) and types, each entry one file. */
export function build(entry = ['src/index.ts'], { dts = {}, ...options } = {}) {
  return defineConfig({
    entry,
    format: ['esm'],
    target: 'es2022',
    platform: 'node',
    // What is marked @internal is for the package's own files.
    dts: { compilerOptions: { stripInternal: true }, ...dts },
    clean: true,
    sourcemap: true,
    treeshake: true,
    ...options,
  });
}
