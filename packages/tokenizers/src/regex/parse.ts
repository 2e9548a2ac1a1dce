import { TokenizerError } from '../errors';
import type { Dialect, Node, RepeatMode } from './ast';
import { escapes, foldClass, posix, quote, rustWordSource, wordSource } from './classes';

interface Flags {
  readonly fold: boolean;
  readonly dotAll: boolean;
  readonly extended: boolean;
  readonly lines: boolean;
}

const any = '[\\0-\\u{10ffff}]';
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };
/** Counted repeats beyond this are refused: they are written out by the matcher. */
const mostRepeats = 1000;

/** Reads one pattern; `parsePattern` is the way in. */
class Parser {
  private at = 0;
  private captures = 0;
  private readonly names = new Map<string, number>();
  private depth = 0;

  constructor(
    private readonly pattern: string,
    private readonly dialect: Dialect,
  ) {}

  parse(): Node {
    const node = this.choice({ fold: false, dotAll: false, extended: false, lines: this.dialect === 'oniguruma' });
    if (this.at < this.pattern.length) this.fail('an unmatched )');
    return node;
  }

  private fail(what: string, code: 'invalid_file' | 'unsupported' = 'invalid_file'): never {
    throw new TokenizerError(
      code,
      `[regex] ${what} at place ${this.at} of the pattern ${JSON.stringify(this.pattern)}${code === 'unsupported' ? ' is not supported' : ''}`,
    );
  }

  private eat(text: string): boolean {
    if (!this.pattern.startsWith(text, this.at)) return false;
    this.at += text.length;
    return true;
  }

  private match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.at;
    const found = expression.exec(this.pattern);
    if (found) this.at += found[0].length;
    return found;
  }

  private choice(flags: Flags): Node {
    if (++this.depth > 200) this.fail('nesting deeper than 200');
    let current = flags;
    const items: Node[] = [];
    let sequence: Node[] = [];
    for (;;) {
      const c = this.pattern[this.at];
      if (c === undefined || c === ')') break;
      if (c === '|') {
        this.at++;
        items.push(sequenceOf(sequence));
        sequence = [];
        continue;
      }
      if (current.extended && this.match(/\s+|#[^\n]*/y)) continue;
      if (this.match(/\(\?#[^)]*\)/y)) continue;
      const set = this.match(/\(\?([a-z]*)(?:-([a-z]*))?\)/y);
      if (set) {
        // Flags for the rest of the group; an alternative behind them is part of their reach.
        current = this.flags(current, set[1] ?? '', set[2] ?? '');
        continue;
      }
      sequence.push(this.quantified(this.atom(current), current));
    }
    this.depth--;
    items.push(sequenceOf(sequence));
    return items.length === 1 ? (items[0] as Node) : { type: 'choice', items };
  }

  private flags(flags: Flags, on: string, off: string): Flags {
    let { fold, dotAll, extended, lines } = flags;
    for (const [letters, value] of [
      [on, true],
      [off, false],
    ] as const) {
      for (const letter of letters) {
        if (letter === 'i') fold = value;
        else if (letter === 'x') extended = value;
        else if (letter === (this.dialect === 'oniguruma' ? 'm' : 's')) dotAll = value;
        else if (letter === 'm') lines = value;
        else if (letter !== 'u') this.fail(`the flag ${letter}`, 'unsupported');
      }
    }
    return { fold, dotAll, extended, lines };
  }

  private quantified(atom: Node, flags: Flags): Node {
    let node = atom;
    for (;;) {
      if (flags.extended) this.match(/\s+/y);
      let min: number;
      let max: number;
      let braces = false;
      if (this.eat('*')) [min, max] = [0, Number.POSITIVE_INFINITY];
      else if (this.eat('+')) [min, max] = [1, Number.POSITIVE_INFINITY];
      else if (this.eat('?')) [min, max] = [0, 1];
      else {
        const counted = this.match(/\{(?:(\d+)(,(\d*))?|,(\d+))\}/y);
        if (!counted) return node;
        braces = true;
        min = Number(counted[1] ?? 0);
        max = counted[4]
          ? Number(counted[4])
          : !counted[2]
            ? min
            : counted[3]
              ? Number(counted[3])
              : Number.POSITIVE_INFINITY;
        if (max < min) this.fail('a repeat whose most is below its least');
        if (min > mostRepeats || (max > mostRepeats && max < Number.POSITIVE_INFINITY)) {
          this.fail(`a repeat of more than ${mostRepeats}`, 'unsupported');
        }
      }
      if (node.type === 'anchor' || (node.type === 'look' && !node.behind))
        this.fail('a repeated anchor', 'unsupported');
      let mode: RepeatMode = 'greedy';
      if (this.eat('?')) mode = 'lazy';
      // In Oniguruma a + behind braces is a second quantifier, in Rust a possessive one.
      else if ((!braces || this.dialect === 'rust') && this.eat('+')) mode = 'possessive';
      node = { type: 'repeat', item: node, min, max, mode };
    }
  }

  private atom(flags: Flags): Node {
    const c = this.pattern[this.at] as string;
    if (c === '(') return this.group(flags);
    if (c === '[') return this.set(this.classSource(flags), flags);
    if (c === '\\') return this.escape(flags);
    if (c === '*' || c === '+' || c === '?') this.fail('nothing to repeat');
    this.at++;
    if (c === '.') return { type: 'set', source: flags.dotAll ? any : '[^\\n]' };
    if (c === '^') return { type: 'anchor', kind: flags.lines ? 'lineStart' : 'textStart' };
    if (c === '$') return { type: 'anchor', kind: flags.lines ? 'lineEnd' : 'textEnd' };
    this.at--;
    return this.literal(this.character(), flags);
  }

  private character(): number {
    const code = this.pattern.codePointAt(this.at);
    if (code === undefined) this.fail('an end too early');
    this.at += code > 0xffff ? 2 : 1;
    return code;
  }

  private literal(codePoint: number, flags: Flags): Node {
    return this.set(`[${quote(codePoint)}]`, flags);
  }

  private set(source: string, flags: Flags): Node {
    return { type: 'set', source: flags.fold ? foldClass(source) : source };
  }

  private group(flags: Flags): Node {
    const close = <T extends Node>(node: T): T => {
      if (!this.eat(')')) this.fail('a group without an end');
      return node;
    };
    if (this.eat('(?:')) return close(this.choice(flags));
    if (this.eat('(?>')) return close({ type: 'atomic', item: this.choice(flags) });
    for (const behind of [false, true]) {
      for (const negative of [false, true]) {
        if (!this.eat(`(?${behind ? '<' : ''}${negative ? '!' : '='}`)) continue;
        return close({ type: 'look', item: this.choice(flags), behind, negative });
      }
    }
    const set = this.match(/\(\?([a-z]*)(?:-([a-z]*))?:/y);
    if (set) return close(this.choice(this.flags(flags, set[1] ?? '', set[2] ?? '')));
    const named = this.match(/\(\?P?<([A-Za-z_]\w*)>/y);
    if (!named && this.pattern.startsWith('(?', this.at))
      this.fail(`the group ${this.pattern.slice(this.at, this.at + 4)}`, 'unsupported');
    if (!named) this.at++;
    const index = ++this.captures;
    if (named) this.names.set(named[1] as string, index);
    return close({ type: 'capture', item: this.choice(flags), index });
  }

  private escape(flags: Flags): Node {
    this.at++;
    const c = this.pattern[this.at] ?? this.fail('a trailing backslash');
    if (this.dialect === 'oniguruma' || !/[hZGRX]/.test(c)) {
      const anchors = { A: 'textStart', z: 'textEnd', Z: 'lastLineEnd', b: 'word', B: 'notWord' } as const;
      if (Object.hasOwn(anchors, c)) {
        this.at++;
        return { type: 'anchor', kind: anchors[c as keyof typeof anchors] };
      }
      if (c === 'R') {
        this.at++;
        const crlf: Node = {
          type: 'sequence',
          items: [
            { type: 'set', source: '[\\r]' },
            { type: 'set', source: '[\\n]' },
          ],
        };
        return {
          type: 'atomic',
          item: { type: 'choice', items: [crlf, { type: 'set', source: '[\\n-\\r\\u{85}\\u{2028}\\u{2029}]' }] },
        };
      }
    }
    const number = this.match(/[1-9]\d*/y);
    if (number) return this.backreference(Number(number[0]));
    const named = this.match(/k<([A-Za-z_]\w*|[1-9]\d*)>/y);
    if (named) {
      const name = named[1] as string;
      return this.backreference(
        this.names.get(name) ?? (/^\d/.test(name) ? Number(name) : this.fail(`the unknown group ${name}`)),
      );
    }
    this.at--;
    return this.set(`[${this.classEscape()}]`, flags);
  }

  private backreference(index: number): Node {
    if (index > this.captures) this.fail(`a reference to group ${index}, which is not before it,`);
    return { type: 'backreference', index };
  }

  /** What stands for an escape inside a `v`-mode class: a class of its own, or one character. */
  private classEscape(): string {
    this.at++;
    const property = this.match(/([pP])\{(\^?)([^}]*)\}|([pP])([A-Z])/y);
    if (property) {
      const name = property[3] ?? property[5] ?? '';
      const negative = ((property[1] ?? property[4]) === 'P') !== (property[2] === '^');
      return this.property(name, negative);
    }
    const hex = this.match(/x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}/y);
    if (hex) {
      const code = Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? hex[4] ?? '0', 16);
      if (code > 0x10ffff) this.fail('a character beyond U+10FFFF');
      return quote(code);
    }
    const c = this.pattern[this.at] ?? this.fail('a trailing backslash');
    if (/[A-Za-z0-9]/.test(c)) {
      this.at++;
      if (c === '0') return quote(0);
      const lower = c.toLowerCase();
      if (Object.hasOwn(escapes, lower) && !(lower === 'h' && this.dialect === 'rust')) {
        const source = lower === 'w' && this.dialect === 'rust' ? rustWordSource : escapes[lower];
        return `[${c === lower ? '' : '^'}${source}]`;
      }
      if (c === 'N' && this.dialect === 'oniguruma') return '[^\\n]';
      if (c === 'O' && this.dialect === 'oniguruma') return any;
      const control = Object.hasOwn(controls, c) ? controls[c] : undefined;
      return control === undefined ? this.fail(`\\${c}`, 'unsupported') : quote(control);
    }
    return quote(this.character());
  }

  private property(name: string, negative: boolean): string {
    const lower = name.toLowerCase().replace(/[\s_-]/g, '');
    const inner =
      lower === 'any'
        ? '\\0-\\u{10ffff}'
        : lower === 'word'
          ? wordSource
          : lower === 'punct'
            ? '\\p{P}'
            : Object.hasOwn(posix, lower)
              ? posix[lower]
              : undefined;
    if (inner !== undefined) return negative ? `[^${inner.includes('--') ? `[${inner}]` : inner}]` : `[${inner}]`;
    const p = negative ? 'P' : 'p';
    const spelled = /^[a-z]{1,2}$/i.test(name) ? (name[0] as string).toUpperCase() + name.slice(1).toLowerCase() : name;
    const camel = name
      .split(/[\s_-]+/)
      .map((w) => w.charAt(0).toUpperCase() + w.slice(1).toLowerCase())
      .join('_');
    for (const candidate of [spelled, `Script=${name}`, camel, `Script=${camel}`]) {
      try {
        new RegExp(`\\p{${candidate}}`, 'v');
        return `\\${p}{${candidate}}`;
      } catch {
        // Not a name that JavaScript knows: try the next spelling.
      }
    }
    return this.fail(`the property ${JSON.stringify(name)}`, 'unsupported');
  }

  /** A bracket class, with nesting and `&&`, as a `v`-mode class. */
  private classSource(flags: Flags): string {
    if (++this.depth > 200) this.fail('nesting deeper than 200');
    this.at++;
    const negative = this.eat('^');
    const operands: string[] = [];
    let content = '';
    let first = true;
    for (;;) {
      const c = this.pattern[this.at] ?? this.fail('a class without an end');
      if (c === ']' && !first) break;
      first = false;
      if (this.eat('&&')) {
        operands.push(`[${content}]`);
        content = '';
        continue;
      }
      const bracket = this.match(/\[:(\^?)([a-z]+):\]/y);
      if (bracket) {
        const inner = posix[bracket[2] as string] ?? this.fail(`the class [:${bracket[2]}:]`, 'unsupported');
        content += bracket[1] ? `[^${inner.includes('--') ? `[${inner}]` : inner}]` : `[${inner}]`;
      } else if (c === '[') content += this.classSource(flags);
      else content += this.range();
    }
    this.at++;
    this.depth--;
    operands.push(`[${content}]`);
    const whole = operands.length === 1 ? content : operands.join('&&');
    if (whole === '') return negative ? any : '[]';
    return operands.length === 1 ? `[${negative ? '^' : ''}${whole}]` : negative ? `[^[${whole}]]` : `[${whole}]`;
  }

  /** One member of a class: a character, a range, or an escape. */
  private range(): string {
    const from = this.pattern[this.at] === '\\' ? this.classEscape() : quote(this.character());
    if (from.startsWith('[') || /^\\[pP]/.test(from)) return from;
    if (this.pattern[this.at] !== '-' || this.pattern[this.at + 1] === ']' || this.pattern[this.at + 1] === undefined)
      return from;
    this.at++;
    const to = this.pattern[this.at] === '\\' ? this.classEscape() : quote(this.character());
    if (to.startsWith('[') || /^\\[pP]/.test(to)) return `${from}${quote(45)}${to}`;
    if (valueOf(from) > valueOf(to)) this.fail('a range out of order');
    return `${from}-${to}`;
  }
}

function valueOf(quoted: string): number {
  return quoted.startsWith('\\u{') ? Number.parseInt(quoted.slice(3, -1), 16) : quoted.charCodeAt(0);
}

function sequenceOf(items: readonly Node[]): Node {
  return items.length === 1 ? (items[0] as Node) : { type: 'sequence', items };
}

/** @throws TokenizerError `invalid_file` for a malformed pattern, `unsupported` for syntax that is not known here. */
export function parsePattern(pattern: string, dialect: Dialect): Node {
  return new Parser(pattern, dialect).parse();
}
