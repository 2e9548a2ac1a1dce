import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { defaultBackend } from '@tessera-llm/tensor';
import type { Context } from './area';
import { areas } from './areas';
import { ChildFailure } from './child';
import { type Ceilings, type Measured, measure, measureCeilings } from './measure';
import { tableHead, tableLine } from './table';

const usage = `npm run -s bench -- [AREA …] [options]

  --python PYTHON      interpreter with PyTorch, transformers, PEFT, tiktoken: peers
  --node-peers FOLDER  folder outside the workspace with node-llama-cpp and the like: peers
  --model FILE         measure this GGUF file or model folder instead of random weights
  --case SUBSTRING     only cases whose name has it
  --repeat N           repetitions of each side; default 5
  --json FILE          write the rows
  --list               name areas and cases and stop
`;

function note(message: string): void {
  process.stderr.write(`${message}\n`);
}

/** The command line, or a message that says what is wrong with it. */
function parse(args: readonly string[]) {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      python: { type: 'string' },
      'node-peers': { type: 'string' },
      model: { type: 'string' },
      case: { type: 'string', default: '' },
      repeat: { type: 'string', default: '5' },
      json: { type: 'string' },
      list: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  });
  const repeat = Number(values.repeat);
  if (!Number.isInteger(repeat) || repeat < 1) {
    throw new Error(`[bench] expected --repeat of at least 1, got ${values.repeat}`);
  }
  const names = areas.map(({ name }) => name);
  const unknown = positionals.filter((name) => !names.includes(name));
  if (unknown.length > 0) {
    throw new Error(`[bench] expected areas out of ${names.join(', ')}, got ${unknown.join(', ')}`);
  }
  const chosen = positionals.length === 0 ? areas : areas.filter(({ name }) => positionals.includes(name));
  return { ...values, repeat, chosen };
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

async function main(args: readonly string[]): Promise<void> {
  const options = parse(args);
  if (options.help) {
    process.stdout.write(usage);
    return;
  }
  const path = (given: string | undefined): string | null => (given === undefined ? null : resolve(given));
  const { python } = options;
  const peers = {
    // A bare name is looked up by the system.
    python: python === undefined ? null : python.includes('/') ? resolve(python) : python,
    nodePeers: path(options['node-peers']),
  };
  const folder = await mkdtemp(join(tmpdir(), 'tessera-bench-'));
  try {
    const context: Context = {
      folder,
      model: path(options.model),
      nodePeers: peers.nodePeers,
      threads: defaultBackend().threads(),
    };
    const wanted = options.chosen.map((area) => ({
      area,
      cases: area.cases(context).filter(({ name }) => name.includes(options.case)),
    }));
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
        const settings = { area: area.name, context, repeat: options.repeat, ceilings, peers, note };
        for await (const measured of measure(one, settings)) {
          process.stdout.write(`${tableLine(measured)}\n`);
          all.push(measured);
        }
      }
    }
    if (options.json !== undefined) {
      const beside = `${options.json}.${process.pid}.tmp`;
      await writeFile(
        beside,
        `${JSON.stringify(
          all.map(({ row }) => row),
          null,
          2,
        )}\n`,
      );
      await rename(beside, options.json);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

main(process.argv.slice(2)).catch((error: unknown) => {
  note(error instanceof Error ? error.message : String(error));
  process.exitCode = 1;
});
