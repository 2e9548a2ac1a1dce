import { spaceSource } from '../text/unicode';
import type { Dialect, Node, RepeatMode } from './ast';
import { neverEnds } from './calls';
import { anything } from './class-reader';
import { foldClass, quote } from './classes';
import type { Flags } from './escape-reader';
import { GroupReader } from './group-reader';
import { refusedBehind } from './look-behind';
import { unfold } from './unfold';

/** Counted repeats beyond this are refused: they are written out by the matcher. */
const mostRepeats = 1000;
const comment = /\(\?#(?:\\[\s\S]|[^)\\])*\)/y;
const ignored = new RegExp(`[${spaceSource}]+|#[^\\n]*`, 'uy');
const counts = /\{(?=,?\d)(\d*)(,?)(\d*)\}/y;

const options = /\(\?((?:[A-Za-z-]|y\{\w\})+)([:)])/y;

/** Reads one pattern; `parsePattern` is the way in. */
class Parser extends GroupReader {
  parse(): Node {
    const oniguruma = this.dialect === 'oniguruma';
    // Rust's POSIX classes are of ASCII alone.
    const flags = { fold: false, dotAll: false, extended: false, lines: oniguruma, ascii: oniguruma ? '' : 'P' };
    const node = this.choice(flags);
    if (this.at < this.pattern.length) this.fail('an unmatched )');
    return this.resolved(node);
  }

  protected alternatives(flags: Flags): Node[] {
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
      const from = this.at;
      const [set, letters = '', end] = this.match(options) ?? [];
      if (set !== undefined && end === ')') {
        current = this.flags(current, letters);
        if (this.dialect === 'rust') continue;
        // In Oniguruma, `a(?i)b|c` is `a(?i:b|c)`; in Rust, flags hold for the rest of the group and leave it as it is.
        sequence.push(apart(this.choice(current)));
        break;
      }
      const atom =
        set === undefined ? this.atom(current) : this.close(apart(this.choice(this.flags(current, letters))));
      sequence.push(this.quantified(atom, from, current));
    }
    items.push(sequenceOf(sequence));
    return items;
  }

  /** Goes over a comment, or over what is ignored in extended patterns. */
  private skips(flags: Flags): boolean {
    return this.match(comment) !== null || (flags.extended && this.match(ignored) !== null);
  }

  private flags(flags: Flags, letters: string): Flags {
    const oniguruma = this.dialect === 'oniguruma';
    let { fold, dotAll, extended, lines, ascii } = flags;
    let value = true;
    for (const [letter] of letters.matchAll(/y\{\w\}|./g)) {
      if (letter === '-') value = false;
      else if (letter === 'i') fold = value;
      else if (letter === 'x') extended = value;
      else if (letter === (oniguruma ? 'm' : 's')) dotAll = value;
      else if (letter === 'm') lines = value;
      else if (oniguruma && 'WDSP'.includes(letter)) ascii = value ? ascii + letter : ascii.replaceAll(letter, '');
      // Clusters are what `\\y` and `\\X` are about without a flag, too.
      else if (oniguruma ? letter !== 'y{g}' || !value : letter !== 'u')
        this.fail(`the flag ${letter}`, /[CILw]/.test(letter) ? 'unsupported' : 'invalid_file');
    }
    return { fold, dotAll, extended, lines, ascii };
  }

  private quantified(atom: Node, from: number, flags: Flags): Node {
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
        const [, least, comma, most] = counted;
        min = Number(least);
        max = comma ? (most ? Number(most) : Number.POSITIVE_INFINITY) : min;
        // In Oniguruma, `{n}?` is optional rather than lazy, and `{3,1}` is `{1,3}` made possessive.
        fixed = this.dialect === 'oniguruma' && !comma;
        if (max < min) {
          if (this.dialect === 'rust') this.fail('a repeat whose most is below its least');
          [min, max, mode] = [max, min, 'possessive'];
        }
        if (min > mostRepeats || (max > mostRepeats && max < Number.POSITIVE_INFINITY)) {
          this.fail(`a repeat of more than ${mostRepeats}`, 'unsupported');
        }
      }
      // A group that captures nothing beside named ones is one still.
      const group = /^\([^?]/.test(this.pattern.slice(from, from + 2));
      if (this.dialect === 'oniguruma' && isAnchor(node) && !group) this.fail('a repeated anchor');
      if (mode === 'greedy' && !fixed && this.eat('?')) mode = 'lazy';
      // In Oniguruma a + behind braces is a second quantifier, in Rust a possessive one.
      else if ((!braces || this.dialect === 'rust') && this.eat('+')) mode = 'possessive';
      node = { type: 'repeat', item: node, min, max, mode };
    }
  }

  protected atom(flags: Flags): Node {
    this.ascii = flags.ascii;
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

  private bracket(source: string, { fold }: Flags): Node {
    return fold ? { type: 'set', source: foldClass(source), cased: 'class' } : { type: 'set', source };
  }

  /** The tree with its calls led to their groups. */
  private resolved(tree: Node): Node {
    // Read once more as what it is then.
    if (this.names.size > 0 && !this.plain && this.dialect === 'oniguruma') return tree;
    for (const call of this.calls) {
      const [index = -1, ...more] = this.names.get(call.name) ?? [call.index];
      if (index < 0 || more.length > 0) this.fail(`a call of ${call.name}, no group or several,`);
      call.index = index;
      this.referred = Math.max(this.referred, index);
    }
    if (this.referred > this.captures) this.fail(`a reference to group ${this.referred}, which there is not,`);
    const called = this.calls.map(({ index }) => index);
    const node: Node = called.length > 0 ? { type: 'capture', item: tree, index: 0 } : tree;
    if (neverEnds(node, called)) this.fail('a call that never ends');
    if (this.dialect === 'oniguruma' && refusedBehind(node)) this.fail('what cannot stand in look-behind');
    return node;
  }
}

/** What Oniguruma does not repeat: a place, or alternatives of which one is. */
function isAnchor(node: Node): boolean {
  if (node.type === 'choice') return node.items.length > 1 && node.items.some(isAnchor);
  return node.type === 'anchor' || node.type === 'look';
}

/** A group with flags, kept apart from what stands beside it: `unfold` joins characters across plain groups alone. */
function apart(node: Node): Node {
  return { type: 'choice', items: [node] };
}

function sequenceOf(items: readonly Node[]): Node {
  return items.length === 1 ? (items[0] as Node) : { type: 'sequence', items };
}

/** @throws TokenizerError `invalid_file` for a malformed pattern, `unsupported` for syntax that is not known here. */
export function parsePattern(pattern: string, dialect: Dialect): Node {
  const parser = new Parser(pattern, dialect);
  let node = parser.parse();
  // With named groups, Oniguruma's plain ones capture nothing.
  if (dialect === 'oniguruma' && parser.names.size > 0) node = new Parser(pattern, dialect, true).parse();
  return dialect === 'oniguruma' ? unfold(node) : node;
}
