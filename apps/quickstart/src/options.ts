import { resolve } from 'node:path';
import { parseArgs } from 'node:util';

/** What the command line asked for. */
export interface Options {
  readonly size: Size | null;
  readonly steps: number | null;
  readonly text: string | null;
  readonly backend: string | null;
  readonly out: string;
}

/** A model and how long it trains; the same numbers give the same run. */
export interface Preset {
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly keyHeads: number;
  readonly context: number;
  readonly batchSize: number;
  readonly learningRate: number;
  readonly steps: number;
}

export type Size = 'medium' | 'small' | 'tiny';

/** `small` is about three minutes on two cores; `tiny` is for the reference backend, about as long there. */
export const presets: Readonly<Record<Size, Preset>> = {
  tiny: {
    hidden: 64,
    intermediate: 176,
    layers: 1,
    heads: 2,
    keyHeads: 2,
    context: 128,
    batchSize: 2,
    learningRate: 1e-2,
    steps: 500,
  },
  small: {
    hidden: 192,
    intermediate: 512,
    layers: 3,
    heads: 6,
    keyHeads: 6,
    context: 256,
    batchSize: 4,
    learningRate: 3e-3,
    steps: 1000,
  },
  medium: {
    hidden: 256,
    intermediate: 704,
    layers: 4,
    heads: 8,
    keyHeads: 8,
    context: 256,
    batchSize: 8,
    learningRate: 2e-3,
    steps: 2000,
  },
};

export const help = `Trains a small language model on presidential addresses, then lets it write.

npm run quickstart [-- OPTIONS]
  --size tiny|small|medium  default small; tiny on the reference backend
  --steps N                 optimizer steps; default the preset's
  --text FILE               train on a text of your own instead
  --backend NAME            native or reference; default native where it can be had
  --out DIR                 default quickstart-run; the same command goes on with a run that was stopped
  --help

Ctrl-C stops and saves. Losses go to DIR/log.jsonl, the model to DIR/model; the last line on standard output is JSON.
`;

/** Options of the command line. @throws Error with what was expected. */
export function parseOptions(argv: readonly string[]): Options | 'help' {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      size: { type: 'string' },
      steps: { type: 'string' },
      text: { type: 'string' },
      backend: { type: 'string' },
      out: { type: 'string', default: 'quickstart-run' },
      help: { type: 'boolean', default: false },
    },
  });
  if (values.help) return 'help';
  const { size = null, backend = null } = values;
  if (size !== null && !isSize(size)) throw new Error(`expected --size tiny, small or medium, got ${size}`);
  const steps = values.steps === undefined ? null : Number(values.steps);
  if (steps !== null && (!Number.isSafeInteger(steps) || steps < 1)) {
    throw new Error(`expected --steps to be a whole number of at least 1, got ${values.steps}`);
  }
  const from = process.env.INIT_CWD ?? process.cwd();
  const text = values.text === undefined ? null : resolve(from, values.text);
  return { size, steps, text, backend, out: resolve(from, values.out) };
}

function isSize(value: string): value is Size {
  return value in presets;
}
