import { TokenizerError } from '../errors';
import type { Dialect } from './ast';

/** Groups and classes within each other. */
const deepest = 200;

/** A pattern that is being read, and how far. */
export class Cursor {
  protected at = 0;
  private depth = 0;

  /** @param plain Groups without a name capture nothing. */
  constructor(
    protected pattern: string,
    protected readonly dialect: Dialect,
    protected readonly plain = false,
  ) {}

  /** @throws TokenizerError that names the pattern and the place. */
  protected fail(what: string, code: 'invalid_file' | 'unsupported' = 'invalid_file'): never {
    throw new TokenizerError(
      code,
      `[regex] ${what} at place ${this.at} of the pattern ${JSON.stringify(this.pattern)}${code === 'unsupported' ? ' is not supported' : ''}`,
    );
  }

  /** Goes over a text, if it is what comes next. */
  protected eat(text: string): boolean {
    if (!this.pattern.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  /** Goes over what a sticky expression matches next. */
  protected match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const found = expression.exec(this.pattern);
    if (found) this.at += found[0].length;
    return found;
  }

  /** The character that comes next. */
  protected character(): number {
    const code = this.pattern.codePointAt(this.at);
    if (code === undefined) this.fail('an end too early');
    this.at += code > 0xffff ? 2 : 1;
    return code;
  }

  /** Reads something that may hold others like it. */
  protected within<T>(read: () => T): T {
    if (++this.depth > deepest) this.fail(`nesting deeper than ${deepest}`);
    const made = read();
    this.depth--;
    return made;
  }
}
