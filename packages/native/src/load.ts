import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeAddon } from './addon';

/** The addon and the file that it came from, or why it can't be had. */
export type LoadResult =
  | { readonly ok: true; readonly addon: NativeAddon; readonly file: string }
  | { readonly ok: false; readonly reason: string };

const abi = 3;

/** The nearest folder above this module that holds this package's manifest. */
function packageRoot(): string | null {
  for (let folder = dirname(fileURLToPath(import.meta.url)); ; folder = dirname(folder)) {
    const manifest = join(folder, 'package.json');
    if (existsSync(manifest)) {
      const parsed: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
      if (typeof parsed === 'object' && parsed !== null && 'name' in parsed && parsed.name === '@tessera-llm/native') {
        return folder;
      }
    }
    if (folder === dirname(folder)) return null;
  }
}

/** Node's report names the C library that it runs on; musl builds have no glibc version. */
function isMusl(): boolean {
  const settings = process.report;
  const before: unknown = Reflect.get(settings, 'excludeNetwork');
  Reflect.set(settings, 'excludeNetwork', true); // looking interfaces up can take seconds
  let report: unknown;
  try {
    report = settings.getReport();
  } finally {
    Reflect.set(settings, 'excludeNetwork', before);
  }
  if (typeof report !== 'object' || report === null || !('header' in report)) return false;
  const header = report.header;
  return typeof header === 'object' && header !== null && !('glibcVersionRuntime' in header);
}

/**
 * Name of the package that carries the prebuilt addon of this platform: its operating system, processor and, on Linux,
 * C library.
 *
 * @example
 * ```ts
 * import { platformPackage } from '@tessera-llm/native';
 * console.log(platformPackage()); // such as '@tessera-llm/native-linux-x64-gnu'
 * ```
 */
export function platformPackage(): string {
  const libc = process.platform !== 'linux' ? '' : isMusl() ? '-musl' : '-gnu';
  return `@tessera-llm/native-${process.platform}-${process.arch}${libc}`;
}

function candidates(root: string): string[] {
  const built = join(root, 'build', 'Release', 'tessera.node');
  if (existsSync(built)) return [built];
  const files: string[] = [];
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve(`${platformPackage()}/package.json`);
    files.push(join(dirname(manifest), 'tessera.node'));
  } catch {
    // Not installed for this platform.
  }
  return files.filter((file) => existsSync(file));
}

function isAddon(value: unknown): value is NativeAddon {
  return (
    typeof value === 'object' &&
    value !== null &&
    'abi' in value &&
    value.abi === abi &&
    'args' in value &&
    value.args instanceof Float64Array &&
    'kernels' in value &&
    'run' in value &&
    typeof value.run === 'function'
  );
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error);
}

function attempt(): LoadResult {
  const root = packageRoot();
  if (root === null) return { ok: false, reason: 'the folder of @tessera-llm/native was not found' };
  const files = candidates(root);
  if (files.length === 0) {
    return {
      ok: false,
      reason: `no build for this platform: neither ${platformPackage()} is installed nor was the addon built from source`,
    };
  }
  const reasons: string[] = [];
  for (const file of files) {
    try {
      const addon: unknown = createRequire(file)(file);
      if (isAddon(addon)) return { ok: true, addon, file };
      reasons.push('the addon was built for another version of @tessera-llm/native; build it again');
    } catch (error) {
      reasons.push(firstLine(error));
    }
  }
  return { ok: false, reason: reasons.join('; ') };
}

let loaded: LoadResult | undefined;

/**
 * Loads the addon of this platform: the one built in this workspace, else the prebuilt package. Never throws; the first
 * outcome is kept. Each worker thread loads it for itself, and they share memory and the pool of threads.
 *
 * @returns `{ok: true, addon, file}`, or `{ok: false, reason}` where no build exists, or it does not fit the processor
 * or the C library.
 *
 * @example
 * ```ts
 * import { loadNative } from '@tessera-llm/native';
 * const native = loadNative();
 * console.log(native.ok ? native.addon.isa : native.reason); // such as 'avx2' or 'neon'
 * ```
 */
export function loadNative(): LoadResult {
  try {
    loaded ??= attempt();
  } catch (error) {
    // A manifest on the way up that is no JSON, or a runtime without reports.
    loaded = { ok: false, reason: `the addon could not be looked for: ${firstLine(error)}` };
  }
  return loaded;
}
