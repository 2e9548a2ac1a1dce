import { formatCount, formatDuration } from './format';
import { sparkline } from './sparkline';

/** Where progress is written: `process.stderr`, or anything alike. */
export interface ProgressStream {
  /** Takes whole lines or, on a terminal, the line that is redrawn. */
  write(text: string): unknown;
  /** True for terminals, where one line is redrawn; elsewhere a plain line is written now and then. */
  readonly isTTY?: boolean;
  /** Width of the terminal, to which the line is cut; default 80. */
  readonly columns?: number;
}

/** Settings of Progress. */
export interface ProgressOptions {
  /** Steps of the whole run. */
  readonly steps: number;
  /** Default `process.stderr`, so that standard output stays for results. */
  readonly stream?: ProgressStream;
  /** Seconds between plain lines when the stream is no terminal; default 10, so that log files stay short. */
  readonly every?: number;
  /** Seconds since some moment; default the process's monotonic clock. */
  readonly now?: () => number;
}

/** What a completed step reports. */
export interface ProgressStep {
  /** Steps completed so far. */
  readonly step: number;
  /** Mean loss of a target, nats. */
  readonly loss: number;
  /** Tokens of this step. */
  readonly tokens: number;
}

/** Steps over which the shown rate is averaged: long enough to be calm, short enough to follow a change. */
const rateWindow = 50;
/** A terminal is redrawn at most ten times a second. */
const redrawSeconds = 0.1;

/**
 * Shows how a run goes: step, loss, tokens per second and remaining time (both of the last 50 steps), and the curve of
 * the loss. A terminal's line is redrawn ten times a second at most; elsewhere a line is written every `every` seconds.
 *
 * @example
 * ```ts
 * import { Progress } from '@tessera-llm/training';
 * const progress = new Progress({ steps: 2, stream: { write: (text) => console.log(text.trimEnd()) } });
 * progress.step({ step: 1, loss: 4.1, tokens: 512 });
 * progress.step({ step: 2, loss: 3.9, tokens: 512 }); // step 2/2  loss 3.900  …
 * progress.note('saved');
 * ```
 */
export class Progress {
  readonly #steps: number;
  readonly #stream: ProgressStream;
  readonly #every: number;
  readonly #now: () => number;
  readonly #losses: number[] = [];
  readonly #marks: { at: number; tokens: number }[] = [];
  #drawn = Number.NEGATIVE_INFINITY;
  #open = false;

  constructor({ steps, stream = process.stderr, every = 10, now = () => performance.now() / 1000 }: ProgressOptions) {
    this.#steps = steps;
    this.#stream = stream;
    this.#every = every;
    this.#now = now;
    this.#marks.push({ at: now(), tokens: 0 });
  }

  /** To be called after every step. */
  step({ step, loss, tokens }: ProgressStep): void {
    const at = this.#now();
    this.#losses.push(loss);
    this.#marks.push({ at, tokens });
    if (this.#marks.length > rateWindow + 1) this.#marks.shift();
    const last = step >= this.#steps;
    if (!last && at - this.#drawn < (this.#stream.isTTY === true ? redrawSeconds : this.#every)) return;
    this.#drawn = at;
    this.#draw(this.#line(step, loss));
    if (last) this.close();
  }

  /** Time that shall not count as training: evaluation, saving. Call it when that has ended. */
  pause(seconds: number): void {
    for (const mark of this.#marks) mark.at += seconds;
  }

  /** A line of its own, above the progress line. */
  note(text: string): void {
    this.#stream.write(this.#open ? `\r\u001b[K${text}\n` : `${text}\n`);
    this.#open = false;
  }

  /** Ends the line that is being redrawn. */
  close(): void {
    if (this.#open) this.#stream.write('\n');
    this.#open = false;
  }

  #line(step: number, loss: number): string {
    const first = this.#marks[0];
    const last = this.#marks.at(-1);
    const seconds = first === undefined || last === undefined ? 0 : last.at - first.at;
    // The first mark is only the moment at which the window begins.
    const tokens = this.#marks.slice(1).reduce((sum, mark) => sum + mark.tokens, 0);
    const left = ((this.#steps - step) * seconds) / (this.#marks.length - 1);
    return [
      `step ${step}/${this.#steps}`,
      `loss ${loss.toFixed(3)}`,
      `${seconds > 0 ? formatCount(tokens / seconds) : '?'} tokens/s`,
      `${formatDuration(left)} left`,
      sparkline(this.#losses),
    ].join('  ');
  }

  #draw(line: string): void {
    if (this.#stream.isTTY !== true) {
      this.#stream.write(`${line}\n`);
      return;
    }
    const width = this.#stream.columns ?? 80;
    this.#stream.write(`\r\u001b[K${[...line].slice(0, width - 1).join('')}`);
    this.#open = true;
  }
}
