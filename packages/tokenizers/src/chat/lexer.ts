import { TokenizerError } from '../errors';
import { placeOf } from './run';
import { type Segment, cut } from './source';
import { pythonSpaces } from './strings';

/** What a token is; text between tags is one token, and so are the beginning and the end of a tag. */
type TokenType =
  | 'text'
  | 'expression_begin'
  | 'statement_begin'
  | 'tag_end'
  | 'name'
  | 'string'
  | 'integer'
  | 'float'
  | 'operator'
  | 'end';

/** A token of a template, at a line from 1. Strings carry their value, all others what is written. */
export interface Token {
  readonly type: TokenType;
  readonly value: string;
  readonly line: number;
}

// In this order, as Jinja tries them.
const rules: readonly (readonly [TokenType | 'space', RegExp])[] = [
  ['space', new RegExp(`[${pythonSpaces}]+`, 'y')],
  ['float', /(?<!\.)(?:\d+_)*\d+(?:(?:\.(?:\d+_)*\d+)?[eE][+-]?(?:\d+_)*\d+|\.(?:\d+_)*\d+)/y],
  ['integer', /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y],
  ['name', /[\p{L}\p{Nl}_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}]*/uy],
  ['string', /'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*"/sy],
  ['operator', /\/\/|\*\*|[=!<>]=|[-+/*%~[\](){}<>=.:|,;]/y],
];

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\u0007',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '\n': '',
};

/** Python's escapes in the inside of a string literal; unknown ones stay as they are. */
function unescape(inside: string, fail: (message: string) => never): string {
  return inside.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{1,3})|(.))/gs,
    (whole, x?: string, u?: string, long?: string, octal?: string, char?: string) => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) {
        const code = Number.parseInt(hex, 16);
        return code <= 0x10ffff ? String.fromCodePoint(code) : fail(`illegal Unicode character ${whole}`);
      }
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      if (/[xuUN]/.test(char as string)) fail(`expected a complete escape in the string, got ${whole}`);
      // Python reads what is not ASCII as an escape, whose backslash this one keeps from being one.
      const code = (char as string).codePointAt(0) as number;
      if (code > 0x7f) return code > 0xff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\x${code.toString(16)}`;
      return escapes[char as string] ?? whole;
    },
  );
}

/** A template's tokens, read one after the other. */
export class TokenStream {
  private readonly tokens: Token[] = [];
  private at = 0;

  /** @throws TokenizerError `template` naming the line for what is no token. */
  constructor(
    private readonly name: string,
    source: string,
  ) {
    let line = 1;
    for (const segment of cut(name, source)) {
      line = segment.line;
      if (segment.type === 'text') this.tokens.push({ type: 'text', value: segment.content, line });
      else this.readTag(segment);
    }
    this.tokens.push({ type: 'end', value: 'end of template', line });
  }

  private readTag({ type, content, line: first }: Segment): void {
    let line = first;
    const add = (kind: TokenType, value: string) => this.tokens.push({ type: kind, value, line });
    add(`${type as 'expression' | 'statement'}_begin`, 'beginning of tag');
    for (let at = 0; at < content.length; ) {
      const [kind, written] = match(content, at);
      if (kind === null) this.fail(`unexpected character ${JSON.stringify(written)}`, line);
      if (kind === 'string')
        add(
          kind,
          unescape(written.slice(1, -1), (message) => this.fail(message, line)),
        );
      else if (kind !== 'space') add(kind, written);
      at += written.length;
      line += written.split('\n').length - 1;
    }
    add('tag_end', 'end of tag');
  }

  get current(): Token {
    return this.tokens[this.at] as Token;
  }

  get following(): Token {
    return this.tokens[Math.min(this.at + 1, this.tokens.length - 1)] as Token;
  }

  next(): Token {
    const token = this.current;
    if (token.type !== 'end') this.at++;
    return token;
  }

  /** True if the current token is one of these operators. */
  isOperator(...values: readonly string[]): boolean {
    return this.current.type === 'operator' && values.includes(this.current.value);
  }

  /** True if the current token is one of these words. */
  isName(...values: readonly string[]): boolean {
    return this.current.type === 'name' && values.includes(this.current.value);
  }

  skipOperator(value: string): boolean {
    const found = this.isOperator(value);
    if (found) this.next();
    return found;
  }

  skipName(value: string): boolean {
    const found = this.isName(value);
    if (found) this.next();
    return found;
  }

  expectOperator(value: string): void {
    if (!this.skipOperator(value)) this.unexpected(`'${value}'`);
  }

  expectName(value?: string): string {
    if (value === undefined ? this.current.type !== 'name' : !this.isName(value)) {
      this.unexpected(value === undefined ? 'a name' : `'${value}'`);
    }
    return this.next().value;
  }

  expectEnd(): void {
    if (this.current.type !== 'tag_end') this.unexpected('the end of the tag');
    this.next();
  }

  unexpected(wanted: string): never {
    const { type, value } = this.current;
    return this.fail(
      `expected ${wanted}, got ${type === 'end' || type === 'tag_end' ? `the ${value}` : JSON.stringify(value)}`,
    );
  }

  /** @throws TokenizerError `template`. */
  fail(message: string, line = this.current.line, options?: ErrorOptions): never {
    throw new TokenizerError(
      'template',
      `[${placeOf(this.name, line)}] expected a Jinja template, got a syntax error: ${message}`,
      options,
    );
  }
}

function match(source: string, at: number): readonly [TokenType | 'space' | null, string] {
  for (const [kind, pattern] of rules) {
    pattern.lastIndex = at;
    const found = pattern.exec(source);
    if (found !== null) return [kind, found[0]];
  }
  return [null, String.fromCodePoint(source.codePointAt(at) as number)];
}
