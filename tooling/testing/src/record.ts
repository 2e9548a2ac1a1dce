import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { serializeSafetensors } from '@tessera-llm/formats';
import type { HostTensor } from './fixtures';

/** What became of one case of the fixtures. */
export type CaseStatus = 'failed' | 'passed' | 'unsupported';

/** Thrown in a case whose architecture, optimizer or function is not supported: it counts neither way. */
export class Unsupported extends Error {}

/** One line of the results that `npm run test:fixtures` counts. */
export interface CaseRecord {
  readonly area: string;
  readonly name: string;
  readonly status: CaseStatus;
  readonly detail?: string;
}

function note(record: CaseRecord): void {
  const file = process.env.TESSERA_FIXTURE_RESULTS;
  if (file) appendFileSync(file, `${JSON.stringify(record)}\n`);
}

/**
 * Runs one case and notes what became of it. An `Unsupported` error ends the case quietly; any other fails the test.
 *
 * @param area The area that counts it: 'ops', 'models', …
 */
export async function fixtureCase(area: string, name: string, run: () => unknown): Promise<void> {
  try {
    await run();
    note({ area, name, status: 'passed' });
  } catch (error) {
    const detail = error instanceof Error ? error.message : String(error);
    if (error instanceof Unsupported) return note({ area, name, status: 'unsupported', detail });
    note({ area, name, status: 'failed', detail });
    throw error;
  }
}

/** Notes a case as unsupported without running it. */
export function unsupportedCase(area: string, name: string, detail: string): void {
  note({ area, name, status: 'unsupported', detail });
}

const pending = new Map<string, Map<string, HostTensor>>();

/** True if `--dump` was given. */
export function dumping(): boolean {
  return Boolean(process.env.TESSERA_FIXTURE_DUMP);
}

function target(backend: string, path: string): string {
  const file = join(process.env.TESSERA_FIXTURE_DUMP ?? '.', backend, path);
  mkdirSync(dirname(file), { recursive: true });
  return file;
}

/** Keeps computed tensors for the dump of one fixture file, under the fixture's own keys; `flushDump` writes them. */
export function dumpTensors(backend: string, path: string, tensors: Readonly<Record<string, HostTensor>>): void {
  if (!dumping()) return;
  const key = `${backend}\n${path}`;
  const file = pending.get(key) ?? new Map<string, HostTensor>();
  for (const [name, x] of Object.entries(tensors)) {
    file.set(name, { ...x, data: x.data.slice() });
  }
  pending.set(key, file);
}

/** Writes a JSON file of the dump: the fixture's structure with the computed values. */
export function dumpJson(backend: string, path: string, value: unknown): void {
  if (dumping()) writeFileSync(target(backend, path), `${JSON.stringify(value)}\n`);
}

/** Writes what `dumpTensors` kept; call it in `afterAll`. */
export function flushDump(): void {
  for (const [key, tensors] of pending) {
    const [backend, path] = key.split('\n') as [string, string];
    const raw = [...tensors].map(([name, x]) => {
      const bytes = new Uint8Array(x.data.buffer, x.data.byteOffset, x.data.byteLength);
      return [
        name,
        { dtype: x.dtype === 'int32' ? ('I32' as const) : ('F32' as const), shape: x.shape, bytes },
      ] as const;
    });
    writeFileSync(target(backend, path), serializeSafetensors(raw));
  }
  pending.clear();
}
