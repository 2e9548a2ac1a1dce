import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseSafetensors, toFloat32, toTypedArray } from '@tessera-llm/formats';

/** A tensor of a fixture: floats widened to float32, integers as int32. */
export interface HostTensor {
  readonly shape: readonly number[];
  readonly dtype: 'float32' | 'int32';
  readonly data: Float32Array | Int32Array;
}

function checkoutRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'pnpm-workspace.yaml'))) {
    const parent = dirname(folder);
    if (parent === folder) throw new Error('the testing package runs inside the workspace only');
    folder = parent;
  }
  return folder;
}

/** The folder of fixtures: TESSERA_FIXTURES, else ../shared/fixtures beside the checkout; null where there is none. */
export function fixturesRoot(): string | null {
  const named = process.env.TESSERA_FIXTURES;
  const folder = named ? resolve(named) : resolve(checkoutRoot(), '..', 'shared', 'fixtures');
  return existsSync(folder) ? folder : null;
}

/** The folder of one area of the fixtures, or null. */
export function fixturesDir(area: string): string | null {
  const root = fixturesRoot();
  if (root === null) return null;
  const folder = join(root, area);
  return existsSync(folder) ? folder : null;
}

/** Names of the folders inside a folder, sorted; none for null. */
export function subfolders(folder: string | null): string[] {
  if (folder === null) return [];
  return readdirSync(folder)
    .filter((name) => statSync(join(folder, name)).isDirectory())
    .sort();
}

/** Names of the files inside a folder with an ending, sorted; none for null. */
export function filesIn(folder: string | null, ending: string): string[] {
  if (folder === null) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith(ending))
    .sort();
}

/** A JSON file, as it is; check it with zod before use. */
export function loadJson(file: string): unknown {
  return JSON.parse(readFileSync(file, 'utf8'));
}

/** All tensors of a safetensors file. */
export function loadSafetensors(file: string): Record<string, HostTensor> {
  const parsed = parseSafetensors(new Uint8Array(readFileSync(file)), file);
  const out: Record<string, HostTensor> = {};
  for (const [name, raw] of parsed.tensors) {
    if (raw.dtype === 'I32') {
      out[name] = {
        shape: raw.shape,
        dtype: 'int32',
        data: Int32Array.from(toTypedArray({ dtype: 'I32', bytes: raw.bytes })),
      };
    } else if (raw.dtype === 'I64') {
      const wide = toTypedArray({ dtype: 'I64', bytes: raw.bytes });
      out[name] = { shape: raw.shape, dtype: 'int32', data: Int32Array.from(wide, Number) };
    } else {
      out[name] = { shape: raw.shape, dtype: 'float32', data: toFloat32(raw) };
    }
  }
  return out;
}
