import { TokenizerError } from '../errors';

/** Where a template is, and how much it may still do. */
export class Run {
  /** Line of the tag that is being worked on, from 1. */
  line = 1;
  /** Calls of macros inside one another. */
  depth = 0;

  constructor(
    private readonly name: string,
    private readonly limit: number,
    readonly now: Date,
    private left: number = limit,
  ) {}

  /** Steps are nodes evaluated, characters made and list items made. @throws TokenizerError `step_limit`. */
  charge(steps: number): void {
    this.left -= steps;
    if (!(this.left >= 0)) this.exhausted(`more than ${this.limit} steps`);
  }

  /** @throws TokenizerError `step_limit`. */
  exhausted(what: string): never {
    throw new TokenizerError(
      'step_limit',
      `[${this.place}] expected the template to end, got ${what}; \`stepLimit\` raises the limit for templates that need it`,
    );
  }

  /** @throws TokenizerError `template`. */
  fail(message: string, options?: ErrorOptions): never {
    throw new TokenizerError('template', `[${this.place}] ${message}`, options);
  }

  get place(): string {
    return placeOf(this.name, this.line);
  }
}

export function placeOf(name: string, line: number): string {
  return `chat template ${JSON.stringify(name)}, line ${line}`;
}
