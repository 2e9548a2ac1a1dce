import { spaceSource } from '../text/unicode';
import type { Dialect, Node, RepeatMode } from './ast';
import { ClassReader, anything, isClass, valueOf } from './class-reader';
import { foldClass, quote } from './classes';
import { unfold } from './unfold';

interface Flags {
  readonly fold: boolean;
  readonly dotAll: boolean;
  readonly extended: boolean;
  readonly lines: boolean;
}

const one: Node = { type: 'set', source: anything };
/** Counted repeats beyond this are refused: they are written out by the matcher. */
const mostRepeats = 1000;
const comment = /\(\?#(?:\\[\s\S]|[^)\\])*\)/y;
const ignored = new RegExp(`[${spaceSource}]+|#[^\\n]*`, 'uy');
const counts = /\{(?:(\d+)(,(\d*))?|,(\d+))\}/y;

/** Reads one pattern; `parsePattern` is the way in. */
class Parser extends ClassReader {
  private captures = 0;
  private readonly names = new Map<string, number[]>();
  /** The largest number of a group that is referred to. */
  private referred = 0;
  /** With named groups, Oniguruma's plain ones capture nothing. */
  private readonly named: boolean;

  constructor(pattern: string, dialect: Dialect) {
    super(pattern, dialect);
    this.named = dialect === 'oniguruma' && /(?<!\\)\(\?(?:<|')[A-Za-z_]/.test(pattern);
  }

  parse(): Node {
    const node = this.choice({ fold: false, dotAll: false, extended: false, lines: this.dialect === 'oniguruma' });
    if (this.at < this.pattern.length) this.fail('an unmatched )');
    if (this.referred > this.captures) this.fail(`a reference to group ${this.referred}, which there is not,`);
    return node;
  }

  private choice(flags: Flags): Node {
    return this.within(() => choiceOf(this.alternatives(flags)));
  }

  private alternatives(flags: Flags): Node[] {
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
      if (this.skips(current)) continue;
      const set = this.match(/\(\?([a-z]*)(?:-([a-z]*))?\)/y);
      if (set) {
        current = this.flags(current, set[1] ?? '', set[2] ?? '');
        if (this.dialect === 'rust') continue;
        // In Oniguruma, `a(?i)b|c` is `a(?i:b|c)`; in Rust, flags hold for the rest of the group and leave it as it is.
        sequence.push(apart(this.choice(current)));
        break;
      }
      sequence.push(this.quantified(this.atom(current), current));
    }
    items.push(sequenceOf(sequence));
    return items;
  }

  /** Goes over a comment, or over what is ignored in extended patterns. */
  private skips(flags: Flags): boolean {
    return this.match(comment) !== null || (flags.extended && this.match(ignored) !== null);
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
        else if (letter !== 'u' || this.dialect === 'oniguruma') this.fail(`the flag ${letter}`, 'unsupported');
      }
    }
    return { fold, dotAll, extended, lines };
  }

  private quantified(atom: Node, flags: Flags): Node {
    let node = atom;
    for (;;) {
      while (this.skips(flags));
      let min: number;
      let max: number;
      let mode: RepeatMode = 'greedy';
      let braces = false;
      let fixed = false;
      if (this.eat('*')) [min, max] = [0, Number.POSITIVE_INFINITY];
      else if (this.eat('+')) [min, max] = [1, Number.POSITIVE_INFINITY];
      else if (this.eat('?')) [min, max] = [0, 1];
      else {
        const counted = this.match(counts);
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
        // In Oniguruma, `{n}?` is optional rather than lazy, and `{3,1}` is `{1,3}` made possessive.
        fixed = this.dialect === 'oniguruma' && !counted[2] && !counted[4];
        if (max < min) {
          if (this.dialect === 'rust') this.fail('a repeat whose most is below its least');
          [min, max, mode] = [max, min, 'possessive'];
        }
        if (min > mostRepeats || (max > mostRepeats && max < Number.POSITIVE_INFINITY)) {
          this.fail(`a repeat of more than ${mostRepeats}`, 'unsupported');
        }
      }
      if (node.type === 'anchor' || node.type === 'look' || node.type === 'keep')
        this.fail('a repeated anchor', 'unsupported');
      if (mode === 'greedy' && !fixed && this.eat('?')) mode = 'lazy';
      // In Oniguruma a + behind braces is a second quantifier, in Rust a possessive one.
      else if ((!braces || this.dialect === 'rust') && this.eat('+')) mode = 'possessive';
      node = { type: 'repeat', item: node, min, max, mode };
    }
  }

  private atom(flags: Flags): Node {
    const c = this.pattern[this.at] as string;
    if (c === '(') return this.group(flags);
    if (c === '[') return this.bracket(this.classSource(), flags);
    if (c === '\\') return this.escape(flags);
    if (c === '*' || c === '+' || c === '?' || this.match(counts)) this.fail('nothing to repeat');
    this.at++;
    if (c === '.') return { type: 'set', source: flags.dotAll ? anything : '[^\\n]' };
    if (c === '^') return { type: 'anchor', kind: flags.lines ? 'lineStart' : 'textStart' };
    if (c === '$') return { type: 'anchor', kind: flags.lines ? 'lineEnd' : 'textEnd' };
    this.at--;
    return this.literal(quote(this.character()), flags);
  }

  private literal(quoted: string, { fold }: Flags): Node {
    if (!fold) return { type: 'set', source: `[${quoted}]` };
    return { type: 'set', source: foldClass(`[${quoted}]`), cased: { char: String.fromCodePoint(valueOf(quoted)) } };
  }

  private bracket(source: string, { fold }: Flags): Node {
    return fold ? { type: 'set', source: foldClass(source), cased: 'class' } : { type: 'set', source };
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
    // Clusters are what `\\y` and `\\X` are about without a flag, too.
    if (this.dialect === 'oniguruma' && this.eat('(?y{g}:')) return close(this.choice(flags));
    const set = this.match(/\(\?([a-z]*)(?:-([a-z]*))?:/y);
    if (set) return close(apart(this.choice(this.flags(flags, set[1] ?? '', set[2] ?? ''))));
    const named = this.match(
      this.dialect === 'rust' ? /\(\?P?<([A-Za-z_]\w*)>/y : /\(\?<([A-Za-z_]\w*)>|\(\?'([A-Za-z_]\w*)'/y,
    );
    if (!named && this.pattern.startsWith('(?', this.at))
      this.fail(`the group ${this.pattern.slice(this.at, this.at + 4)}`, 'unsupported');
    if (!named) this.at++;
    if (!named && this.named) return close(this.choice(flags));
    const index = ++this.captures;
    const name = named?.[1] ?? named?.[2];
    if (name !== undefined) this.names.set(name, [...(this.names.get(name) ?? []), index]);
    return close({ type: 'capture', item: this.choice(flags), index });
  }

  private escape(flags: Flags): Node {
    this.at++;
    const c = this.pattern[this.at] ?? this.fail('a trailing backslash');
    if (this.dialect === 'oniguruma' || !/[hZGRXyY]/.test(c)) {
      const anchors = {
        A: 'textStart',
        z: 'textEnd',
        Z: 'lastLineEnd',
        G: 'searchStart',
        b: this.dialect === 'rust' ? 'rustWord' : 'word',
        B: this.dialect === 'rust' ? 'notRustWord' : 'notWord',
        y: 'clusterEdge',
        Y: 'withinCluster',
      } as const;
      if (Object.hasOwn(anchors, c)) {
        this.at++;
        return { type: 'anchor', kind: anchors[c as keyof typeof anchors] };
      }
      if (c === 'K') {
        this.at++;
        return { type: 'keep' };
      }
      if (c === 'X') {
        this.at++;
        // A character and what its cluster has behind it, wherever in the cluster it stands.
        const more: Node = { type: 'sequence', items: [{ type: 'anchor', kind: 'withinCluster' }, one] };
        return {
          type: 'atomic',
          item: {
            type: 'sequence',
            items: [one, { type: 'repeat', item: more, min: 0, max: Number.POSITIVE_INFINITY, mode: 'greedy' }],
          },
        };
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
    const number = /[1-9]\d*/y;
    number.lastIndex = this.at;
    const digits = number.exec(this.pattern)?.[0];
    // A number above 9 of no group before it is an octal one.
    if (digits !== undefined && (this.dialect === 'rust' || digits.length === 1 || Number(digits) <= this.captures)) {
      this.at += digits.length;
      return this.numbered(Number(digits), flags);
    }
    const named = this.match(/k(?:<([A-Za-z_]\w*|-?[1-9]\d*)>|'([A-Za-z_]\w*|-?[1-9]\d*)')/y);
    if (named) {
      const name = (named[1] ?? named[2]) as string;
      const groups = this.names.get(name);
      if (groups !== undefined) return this.backreference(groups, flags);
      if (!/^-?\d/.test(name)) this.fail(`the unknown group ${name}`);
      const index = Number(name);
      return this.numbered(index < 0 ? this.captures + 1 + index : index, flags);
    }
    this.at--;
    const source = this.classEscape(false);
    // Only characters and brackets have other cases: `(?i)\p{Lu}` is upper case.
    return isClass(source) ? { type: 'set', source: `[${source}]` } : this.literal(source, flags);
  }

  private numbered(index: number, flags: Flags): Node {
    if (this.named) this.fail('a reference by number beside named groups');
    return this.backreference([index], flags);
  }

  /** The text of a group again; of groups with one name, the last that has one. */
  private backreference(indexes: readonly number[], { fold }: Flags): Node {
    this.referred = Math.max(this.referred, ...indexes);
    if (indexes.some((index) => index < 1)) this.fail('a reference to a group before the first');
    return choiceOf(indexes.toReversed().map((index) => ({ type: 'backreference', index, fold })));
  }
}

/** A group with flags, kept apart from what stands beside it: `unfold` joins characters across plain groups alone. */
function apart(node: Node): Node {
  return { type: 'choice', items: [node] };
}

function choiceOf(items: readonly Node[]): Node {
  return items.length === 1 ? (items[0] as Node) : { type: 'choice', items };
}

function sequenceOf(items: readonly Node[]): Node {
  return items.length === 1 ? (items[0] as Node) : { type: 'sequence', items };
}

/** @throws TokenizerError `invalid_file` for a malformed pattern, `unsupported` for syntax that is not known here. */
export function parsePattern(pattern: string, dialect: Dialect): Node {
  const node = new Parser(pattern, dialect).parse();
  return dialect === 'oniguruma' ? unfold(node) : node;
}
