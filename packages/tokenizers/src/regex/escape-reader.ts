import type { Backreference, Node } from './ast';
import { ClassReader, isClass, valueOf } from './class-reader';
import { foldClass } from './classes';

/** What holds where a pattern is read. */
export interface Flags {
  readonly fold: boolean;
  readonly dotAll: boolean;
  readonly extended: boolean;
  readonly lines: boolean;
  /** Letters of Oniguruma's options for classes of ASCII. */
  readonly ascii: string;
}

/** Escapes that stand for patterns. */
const written: Readonly<Record<string, string>> = {
  // A character and what its cluster has behind it, wherever in the cluster it stands.
  X: '(?>\\O(?:\\Y\\O)*)',
  R: '(?>\\r\\n|[\\n-\\r\\x{85}\\x{2028}\\x{2029}])',
};
const number = /^(?![+-]0+(?!\d))([+-]?)(\d+)([+-]\d+)?$/;
const name = /^([\p{L}\p{M}\p{N}_]+)([+-]\d+)?$/u;

/** Reads what a backslash begins, and what refers to groups. */
export abstract class EscapeReader extends ClassReader {
  /** Groups that have begun so far. */
  protected captures = 0;
  readonly names = new Map<string, number[]>();
  /** Calls of groups, which may come before them. */
  protected readonly calls: { readonly type: 'call'; readonly name: string; index: number }[] = [];
  /** The largest number of a group that is referred to. */
  protected referred = 0;

  protected literal(quoted: string, { fold }: Flags): Node {
    if (!fold) return { type: 'set', source: `[${quoted}]` };
    return { type: 'set', source: foldClass(`[${quoted}]`), cased: { char: String.fromCodePoint(valueOf(quoted)) } };
  }

  protected abstract atom(flags: Flags): Node;

  /** Reads one thing of another pattern. */
  private inserted(source: string, flags: Flags): Node {
    const { pattern, at } = this;
    this.pattern = source;
    this.at = 0;
    const node = this.atom({ ...flags, fold: false });
    this.pattern = pattern;
    this.at = at;
    return node;
  }

  protected escape(flags: Flags): Node {
    this.at++;
    const c = this.pattern[this.at] ?? this.fail('a trailing backslash');
    if (this.dialect === 'oniguruma' || !/[hZGRXyY]/.test(c)) {
      const anchors = {
        A: 'textStart',
        z: 'textEnd',
        Z: 'lastLineEnd',
        G: 'searchStart',
        K: 'keep',
        b: this.dialect === 'rust' ? 'rustWord' : /[WP]/.test(this.ascii) ? 'asciiWord' : 'word',
        B: this.dialect === 'rust' ? 'notRustWord' : /[WP]/.test(this.ascii) ? 'notAsciiWord' : 'notWord',
        y: 'clusterEdge',
        Y: 'withinCluster',
      } as const;
      if (Object.hasOwn(anchors, c)) {
        this.at++;
        return { type: 'anchor', kind: anchors[c as keyof typeof anchors] };
      }
      if (Object.hasOwn(written, c)) {
        this.at++;
        return this.inserted(written[c] as string, flags);
      }
    }
    const digits = /^[1-9]\d*/.exec(this.pattern.slice(this.at))?.[0];
    // A number above 9 of no group before it is an octal one.
    if (digits !== undefined && (this.dialect === 'rust' || digits.length === 1 || Number(digits) <= this.captures)) {
      this.at += digits.length;
      return this.reference(digits, flags);
    }
    const [letter] = this.match(this.dialect === 'rust' ? /k(?=<)/y : /[kg](?=[<'])/y) ?? [];
    if (letter === 'k') return this.reference(this.name(), flags);
    if (letter === 'g') return this.call(this.name());
    this.at--;
    const source = this.classEscape(false);
    // Only characters and brackets have other cases: `(?i)\p{Lu}` is upper case.
    return isClass(source) ? { type: 'set', source: `[${source}]` } : this.literal(source, flags);
  }

  /** What `<>` or `''` are around; nothing where they have no end. */
  protected name(): string {
    const [, angled, quoted] = this.match(/<([^)>]*)>|'([^)']*)'/y) ?? [];
    return angled ?? quoted ?? '';
  }

  /** The text of a group again: by its name, its number, or counted from here, with the depth of calls it was in. */
  protected reference(text: string, { fold }: Flags, checks = false): Backreference {
    const [, sign, digits, level] = number.exec(text) ?? [];
    if (digits !== undefined) return this.backreference([this.index(sign, digits)], fold, level, checks);
    const [, known = '', deeper] = name.exec(text) ?? [];
    const groups = this.names.get(known) ?? this.fail(`the unknown group ${text}`);
    return this.backreference(groups.toReversed(), fold, deeper, checks);
  }

  private backreference(indexes: readonly number[], fold: boolean, level = '', checks = false): Backreference {
    this.referred = Math.max(this.referred, ...indexes);
    if (indexes.some((index) => index < 1)) this.fail('a reference to a group before the first');
    return { type: 'backreference', indexes, fold, level: level === '' ? null : Number(level), checks };
  }

  private call(name: string): Node {
    const [, sign, digits, level] = number.exec(name) ?? [];
    const index = digits === undefined || level !== undefined ? -1 : this.index(sign, digits);
    const call = { type: 'call' as const, name, index };
    this.calls.push(call);
    return call;
  }

  private index(sign: string | undefined, digits: string): number {
    if (this.plain) this.fail('a reference by number beside named groups');
    return sign === '-' ? this.captures + 1 - Number(digits) : Number(digits) + (sign ? this.captures : 0);
  }
}
