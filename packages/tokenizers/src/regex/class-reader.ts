import { escapes, posix, quote, rustWordSource, wordSource } from './classes';
import { Cursor } from './cursor';
import { propertyOf } from './properties';

/** Any character. */
export const anything = '[\\0-\\u{10ffff}]';
const controls: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9, f: 12, v: 11, a: 7, e: 27 };

/** Reads classes and escaped characters as members of JavaScript's `v`-mode classes. */
export class ClassReader extends Cursor {
  /** Options of what is read: which of Oniguruma's classes (`WDSP`) are of ASCII alone. */
  protected ascii = '';

  /** The content of a class that has a name, as the options have it. */
  private limited(name: string, content: string): string {
    const letter = /^(w(ord)?|d(igit)?|s(pace)?)$/.test(name) ? name.charAt(0).toUpperCase() : 'P';
    return this.ascii.includes('P') || this.ascii.includes(letter) ? `[${content}]&&[\\0-\\x7f]` : content;
  }

  /** A bracket class, with nesting and `&&`, as a `v`-mode class. */
  protected classSource(): string {
    return this.within(() => this.members());
  }

  private members(): string {
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
        this.endsAsClass();
        const whole = `[${this.limited(bracket[2] as string, inner)}]`;
        content += bracket[1] ? `[^${whole}]` : whole;
      } else if (c === '[') content += this.classSource();
      else content += this.range();
    }
    this.at++;
    operands.push(`[${content}]`);
    const whole = operands.length === 1 ? content : operands.join('&&');
    if (whole === '') return negative ? anything : '[]';
    return operands.length === 1 ? `[${negative ? '^' : ''}${whole}]` : negative ? `[^[${whole}]]` : `[${whole}]`;
  }

  /** A class within a class begins no range in Oniguruma: a - behind it is the last character, or malformed. */
  private endsAsClass(): void {
    if (this.dialect === 'oniguruma' && /-(?!\]|&&)/y.test(this.pattern.slice(this.at, this.at + 3)))
      this.fail('a range from a class');
  }

  /** One member of a class: a character, a range, or an escape. */
  private range(): string {
    const from = this.pattern[this.at] === '\\' ? this.classEscape() : quote(this.character());
    if (isClass(from)) {
      this.endsAsClass();
      return from;
    }
    const next = this.pattern[this.at + 1];
    if (this.pattern[this.at] !== '-' || next === ']' || next === '[' || next === undefined) return from;
    if (this.pattern.startsWith('&&', this.at + 1)) return from;
    this.at++;
    const to = this.pattern[this.at] === '\\' ? this.classEscape() : quote(this.character());
    if (isClass(to)) {
      if (this.dialect === 'oniguruma') this.fail('a range to a class');
      return `${from}${quote(45)}${to}`;
    }
    if (valueOf(from) > valueOf(to)) this.fail('a range out of order');
    return `${from}-${to}`;
  }
  /** What stands for an escape inside a `v`-mode class: a class of its own, or one character. */
  protected classEscape(inClass = true): string {
    this.at++;
    const oniguruma = this.dialect === 'oniguruma';
    const property = this.match(/([pP])\{(\^?)([^}]*)\}|([pP])([A-Z])/y);
    if (property) {
      const name = property[3] ?? property[5] ?? '';
      const negative = ((property[1] ?? property[4]) === 'P') !== (property[2] === '^');
      return this.property(name, negative, inClass);
    }
    // Beyond ASCII, `\\x` gives bytes of UTF-8 in Oniguruma.
    const bytes = oniguruma ? this.match(/x[89A-Fa-f][0-9A-Fa-f](?:\\x[89ABab][0-9A-Fa-f])*/y) : null;
    if (bytes) return quote(this.fromBytes(bytes[0].split('\\').map((byte) => Number.parseInt(byte.slice(1), 16))));
    const hex = this.match(
      oniguruma
        ? /x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})/y
        : /x\{([0-9A-Fa-f]{1,6})\}|x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{4})|u\{([0-9A-Fa-f]{1,6})\}/y,
    );
    if (hex) {
      const code = Number.parseInt(hex[1] ?? hex[2] ?? hex[3] ?? hex[4] ?? '0', 16);
      if (code > 0x10ffff) this.fail('a character beyond U+10FFFF');
      return quote(code);
    }
    const octal = oniguruma ? this.match(/o\{([0-7]{1,7})\}|([0-7]{1,3})/y) : null;
    if (octal) {
      if (Number.parseInt(octal[2] ?? '0', 8) > 127) this.fail('a byte beyond ASCII in octal', 'unsupported');
      return quote(Number.parseInt(octal[1] ?? octal[2] ?? '0', 8));
    }
    const control = oniguruma ? this.match(/(?:c|C-)([@-_a-z?])/y)?.[1] : undefined;
    if (control !== undefined) return quote(control === '?' ? 127 : control.charCodeAt(0) & 31);
    const c = this.pattern[this.at] ?? this.fail('a trailing backslash');
    if (/[A-Za-z0-9]/.test(c)) {
      this.at++;
      if (c === '0') return quote(0);
      if (c === 'b' && inClass) return quote(8);
      const lower = c.toLowerCase();
      if (Object.hasOwn(escapes, lower) && !(lower === 'h' && this.dialect === 'rust')) {
        const words = oniguruma ? (inClass ? posix.word : wordSource) : rustWordSource;
        const source = (lower === 'w' ? words : escapes[lower]) as string;
        return `[${c === lower ? '' : '^'}${oniguruma ? this.limited(lower, source) : source}]`;
      }
      if (c === 'N' && oniguruma && !inClass) return '[^\\n]';
      if (c === 'O' && oniguruma && !inClass) return anything;
      const known = Object.hasOwn(controls, c) ? controls[c] : undefined;
      if (known !== undefined) return quote(known);
      // Letters without a meaning stand for themselves in Oniguruma.
      const plain = inClass ? /[ABE-GI-LNOQRT-VX-Zg-mqyz]/ : /[EFIJLQTUVgi-mq]/;
      return oniguruma && plain.test(c) ? quote(c.charCodeAt(0)) : this.fail(`\\${c}`, 'unsupported');
    }
    return quote(this.character());
  }

  private fromBytes(bytes: readonly number[]): number {
    const [char = '', ...more] = new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from(bytes));
    if (more.length > 0 || char === '' || char === '\ufffd') this.fail('bytes that are no character of UTF-8');
    return char.codePointAt(0) as number;
  }

  private property(name: string, negative: boolean, inClass: boolean): string {
    const oniguruma = this.dialect === 'oniguruma';
    const found = oniguruma && name.includes('=') ? null : propertyOf(name, inClass);
    if (found === null) return this.fail(`the property ${JSON.stringify(name)}`, 'unsupported');
    const { source, posix } = found;
    const content = oniguruma && posix !== null ? this.limited(posix, source) : source;
    return negative ? `[^${source.includes('--') ? `[${content}]` : content}]` : `[${content}]`;
  }
}

/** Whether the source of a member is a class rather than a character. */
export function isClass(source: string): boolean {
  return source.startsWith('[') || /^\\[pP]/.test(source);
}

/** The code point of a member that is one character. */
export function valueOf(quoted: string): number {
  return quoted.startsWith('\\u{') ? Number.parseInt(quoted.slice(3, -1), 16) : quoted.charCodeAt(0);
}
