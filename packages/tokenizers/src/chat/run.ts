import { TokenizerError } from '../errors';

/** Deeper calls of macros are taken for endless ones. */
const maxDepth = 100;

/** Where a template is, and how much it may still do. */
export class Run {
  /** Line of the tag that is being worked on, from 1. */
  line = 1;
  private depth = 0;

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

  /** What a macro or a recursive loop gives, which goes on at the line where it was called. @throws TokenizerError `step_limit`. */
  nested<T>(call: () => T): T {
    if (this.depth >= maxDepth) this.exhausted(`more than ${maxDepth} calls of macros inside one another`);
    const { line } = this;
    this.depth++;
    const made = call();
    this.depth--;
    this.line = line;
    return made;
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
