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

/** A model and how it is trained. */
export interface Preset {
  readonly hidden: number;
  readonly intermediate: number;
  readonly layers: number;
  readonly heads: number;
  readonly context: number;
  /** Standard deviation of new weights. */
  readonly initializerRange: number;
  /** Sequences of `context` tokens in a step. */
  readonly batchSize: number;
  readonly learningRate: number;
  /** How long training may take: the number of steps follows from a calibration, within these bounds. */
  readonly seconds: number;
  readonly leastSteps: number;
  readonly mostSteps: number;
}

export type Size = 'medium' | 'small' | 'tiny';

/**
 * Small batches and many steps: with a few million tokens, steps are what a model is short of. The bounds of `small`
 * make sure that a slow machine gets a model worth looking at, and that a fast one is not kept for nothing; its least
 * number of steps, 1.02 million tokens, gives 1.50 bits per byte. `tiny` is what the reference backend can do in the
 * same time; with so few tokens, larger first weights and a higher learning rate help.
 */
export const presets: Readonly<Record<Size, Preset>> = {
  tiny: {
    hidden: 32,
    intermediate: 88,
    layers: 1,
    heads: 1,
    context: 128,
    initializerRange: 0.1,
    batchSize: 1,
    learningRate: 1e-2,
    seconds: 150,
    leastSteps: 1000,
    mostSteps: 1800,
  },
  small: {
    hidden: 192,
    intermediate: 512,
    layers: 3,
    heads: 6,
    context: 256,
    initializerRange: 0.02,
    batchSize: 4,
    learningRate: 3e-3,
    seconds: 180,
    leastSteps: 1000,
    mostSteps: 2000,
  },
  medium: {
    hidden: 256,
    intermediate: 704,
    layers: 4,
    heads: 8,
    context: 256,
    initializerRange: 0.02,
    batchSize: 8,
    learningRate: 2e-3,
    seconds: 900,
    leastSteps: 1000,
    mostSteps: 3000,
  },
};

export const help = `Trains a small language model on presidential addresses, then lets it write.

npm run quickstart [-- OPTIONS]
  --size tiny|small|medium  default small; tiny on the reference backend
                            (about 3, 3 and 15 minutes of training on two cores)
  --steps N                 optimizer steps; default: as many as fit the time, measured before the first one
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
