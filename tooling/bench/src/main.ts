import { mkdtempSync, rmSync } from 'node:fs';
import { rename, writeFile } from 'node:fs/promises';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import { defaultBackend } from '@tessera-llm/tensor';
import type { Context } from './area';
import { readArguments, usage } from './arguments';
import { ChildFailure, killChildren } from './child';
import { type Ceilings, type Measured, measure, measureCeilings } from './measure';
import { tableHead, tableLine } from './table';

function note(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** The machine's ceilings; null, with a note, where the native kernels that measure them are absent. */
async function ceilingsOrNull(threads: number): Promise<Ceilings | null> {
  try {
    return await measureCeilings(threads);
  } catch (error) {
    if (!(error instanceof ChildFailure)) throw error;
    note(`no ceilings: ${error.message}`);
    return null;
  }
}

function describe(ceilings: Ceilings | null, threads: number): string {
  if (ceilings === null) return 'no ceilings: figures have no share of them';
  const { float32, bfloat16, bandwidth } = ceilings;
  return (
    `ceilings on ${threads} threads: float32 ${float32.toFixed(0)} GFLOP/s, bfloat16 ${bfloat16.toFixed(0)} GFLOP/s, ` +
    `reading ${bandwidth.toFixed(1)} GB/s`
  );
}

/** Also while a child that was killed a moment ago still writes to it. */
function remove(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 10 });
}

/** At Ctrl-C or SIGTERM ends the children and removes what they wrote, then exits as a shell counts signals: 130, 143. */
function removeWhenStopped(folder: string): void {
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      killChildren();
      remove(folder);
      process.exit(128 + constants.signals[name]);
    });
  }
}

async function main(args: readonly string[]): Promise<void> {
  const options = await readArguments(args);
  if (options.help) {
    process.stdout.write(usage);
    return;
  }
  const { python, nodePeers, model, json } = options;
  const folder = mkdtempSync(join(tmpdir(), 'tessera-bench-'));
  removeWhenStopped(folder);
  try {
    const context: Context = {
      folder,
      model,
      nodePeers,
      threads: defaultBackend().threads(),
    };
    const wanted = options.chosen.map((area) => ({
      area,
      cases: area.cases(context).filter(({ name }) => name.includes(options.substring)),
    }));
    if (wanted.every(({ cases }) => cases.length === 0)) {
      throw new Error(`[bench] expected a case with '${options.substring}' in its name, got none; --list names them`);
    }
    if (options.list) {
      for (const { area, cases } of wanted) {
        process.stdout.write(`${area.name}: ${area.about}\n${cases.map(({ name }) => `  ${name}\n`).join('')}`);
      }
      return;
    }
    const all: Measured[] = [];
    for (const { area, cases } of wanted) {
      if (cases.length === 0) continue;
      const ceilings = await ceilingsOrNull(context.threads);
      process.stdout.write(`\n${area.name}: ${area.about}\n${describe(ceilings, context.threads)}\n${tableHead()}\n`);
      for (const one of cases) {
        const settings = {
          area: area.name,
          context,
          repeat: options.repeat,
          ceilings,
          peers: { python, nodePeers },
          note,
        };
        for await (const measured of measure(one, settings)) {
          process.stdout.write(`${tableLine(measured)}\n`);
          all.push(measured);
        }
      }
    }
    if (json !== null) {
      const beside = `${json}.${process.pid}.tmp`;
      await writeFile(
        beside,
        `${JSON.stringify(
          all.map(({ row }) => row),
          null,
          2,
        )}\n`,
      );
      await rename(beside, json);
    }
  } finally {
    remove(folder);
  }
}

// Nobody reads the table any more, as behind `| head`: the file of rows may still be wanted.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
});
main(process.argv.slice(2)).catch((error: unknown) => {
  note(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
