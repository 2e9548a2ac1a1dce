import type { JsonObject } from '@tessera-llm/formats';

/** Where a command writes; the process's streams, or a test's. */
export interface Streams {
  /** Results. */
  readonly stdout: { write(text: string): unknown };
  /** Notes, progress and errors; a terminal (`isTTY`) gets a line that is redrawn, cut to its `columns`. */
  readonly stderr: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
}

/**
 * What a command tells: progress and notes on standard error, its result on standard output — as text, or with
 * `--json` as one JSON document.
 */
export class Output {
  readonly json: boolean;
  readonly stderr: Streams['stderr'];
  readonly #stdout: Streams['stdout'];

  constructor(streams: Streams, json: boolean) {
    this.json = json;
    this.stderr = streams.stderr;
    this.#stdout = streams.stdout;
  }

  /** A line for people. */
  note(text: string): void {
    this.stderr.write(`${text}\n`);
  }

  /** A piece of the result as it comes; with `--json` nothing, as the document has all of it. */
  stream(text: string): void {
    if (!this.json) this.#stdout.write(text);
  }

  /** The result: `document` with `--json`, else `text`. */
  result(document: JsonObject, text: string): void {
    this.#stdout.write(this.json ? `${JSON.stringify(document)}\n` : text);
  }
}
