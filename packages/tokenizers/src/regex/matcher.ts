import { TokenizerError } from '../errors';
import { utf8Length } from '../text/unicode';
import type { Anchor, Node } from './ast';
import { rustWordSource, wordSource } from './classes';
import { graphemePattern } from './grapheme';
import { parsePattern } from './parse';

/** What the machine does; a program is a list of these. */
type Step =
  | { readonly op: 'set'; readonly test: (codePoint: number) => boolean }
  | { readonly op: 'split'; first: number; second: number }
  | { readonly op: 'jump'; to: number }
  | { readonly op: 'save'; readonly slot: number }
  | { readonly op: 'moved'; readonly slot: number }
  | { readonly op: 'anchor'; readonly kind: Anchor }
  | { readonly op: 'same'; readonly index: number; readonly fold: boolean }
  | {
      readonly op: 'inner';
      readonly program: readonly Step[];
      readonly kind: 'atomic' | 'ahead' | 'notAhead' | 'behind' | 'notBehind';
      /** Of look-behind, in characters; null if there is no bound. */
      readonly lengths: readonly number[] | null;
    }
  | { readonly op: 'done' };

const word = new RegExp(`^[${wordSource}]$`, 'v');
const rustWord = new RegExp(`^[${rustWordSource}]$`, 'v');
/** Where `\K` leaves the beginning of the match; groups are counted from 1. */
const keepSlot = 0;
/** Work per text: this much, and this much more per code unit. */
const baseSteps = 2_000_000;
const stepsPerUnit = 500;
const mostWaiting = 20_000_000;

/** A test of membership with its answers remembered, for classes of JavaScript's `v` mode. */
function memberTest(source: string): (codePoint: number) => boolean {
  const expression = new RegExp(`^${source}$`, 'v');
  const known = new Map<number, boolean>();
  return (codePoint) => {
    let answer = known.get(codePoint);
    if (answer === undefined) {
      answer = expression.test(String.fromCodePoint(codePoint));
      if (known.size < 4096) known.set(codePoint, answer);
    }
    return answer;
  };
}

/** Lengths in characters that a node can match; null if they are many. */
function lengthsOf(node: Node): number[] | null {
  switch (node.type) {
    case 'set':
      return [1];
    case 'anchor':
    case 'keep':
    case 'look':
      return [0];
    case 'backreference':
      return null;
    case 'capture':
    case 'atomic':
      return lengthsOf(node.item);
    case 'choice': {
      const all = node.items.map(lengthsOf);
      return all.some((x) => x === null) ? null : [...new Set(all.flatMap((x) => x ?? []))];
    }
    case 'sequence': {
      let sums = [0];
      for (const item of node.items) {
        const lengths = lengthsOf(item);
        if (lengths === null) return null;
        sums = [...new Set(sums.flatMap((a) => lengths.map((b) => a + b)))];
      }
      return sums;
    }
    case 'repeat': {
      const lengths = lengthsOf(node.item);
      if (lengths === null || lengths.length !== 1 || node.max - node.min > 100) return null;
      return Array.from({ length: node.max - node.min + 1 }, (_, i) => (node.min + i) * (lengths[0] as number));
    }
  }
}

/**
 * A backtracking matcher of our own, for patterns that JavaScript's engine might never finish: it counts its steps and
 * gives up with an error that names the pattern.
 */
export class Matcher {
  private readonly program: readonly Step[];
  private slots = 0;
  private steps = 0;
  private limit = 0;
  private searchStart = 0;
  private edges: Set<number> | null = null;

  constructor(
    node: Node,
    private readonly pattern: string,
  ) {
    this.slots = 2 * (1 + highestCapture(node));
    this.program = this.compile(node);
  }

  private compile(node: Node): Step[] {
    const steps: Step[] = [];
    this.emit(node, steps);
    steps.push({ op: 'done' });
    return steps;
  }

  private emit(node: Node, out: Step[]): void {
    if (out.length > 100_000) throw this.error('is too large');
    switch (node.type) {
      case 'set':
        out.push({ op: 'set', test: memberTest(node.source) });
        return;
      case 'anchor':
        out.push({ op: 'anchor', kind: node.kind });
        return;
      case 'backreference':
        out.push({ op: 'same', index: node.index, fold: node.fold });
        return;
      case 'keep':
        out.push({ op: 'save', slot: keepSlot });
        return;
      case 'sequence':
        for (const item of node.items) this.emit(item, out);
        return;
      case 'capture':
        out.push({ op: 'save', slot: 2 * node.index });
        this.emit(node.item, out);
        out.push({ op: 'save', slot: 2 * node.index + 1 });
        return;
      case 'atomic':
        out.push({ op: 'inner', program: this.compile(node.item), kind: 'atomic', lengths: [] });
        return;
      case 'look': {
        const lengths = node.behind ? lengthsOf(node.item) : [];
        const kind = node.behind ? (node.negative ? 'notBehind' : 'behind') : node.negative ? 'notAhead' : 'ahead';
        out.push({ op: 'inner', program: this.compile(node.item), kind, lengths });
        return;
      }
      case 'choice': {
        const jumps: { op: 'jump'; to: number }[] = [];
        node.items.forEach((item, i) => {
          if (i === node.items.length - 1) return this.emit(item, out);
          const split: Step = { op: 'split', first: out.length + 1, second: 0 };
          out.push(split);
          this.emit(item, out);
          const jump = { op: 'jump' as const, to: 0 };
          jumps.push(jump);
          out.push(jump);
          split.second = out.length;
        });
        for (const jump of jumps) jump.to = out.length;
        return;
      }
      case 'repeat': {
        if (node.mode === 'possessive') return this.emit({ type: 'atomic', item: { ...node, mode: 'greedy' } }, out);
        for (let i = 0; i < node.min; i++) this.emit(node.item, out);
        const fork = (body: () => void) => {
          const split: Step & { op: 'split' } = { op: 'split', first: 0, second: 0 };
          const at = out.push(split);
          body();
          if (node.mode === 'lazy') [split.first, split.second] = [out.length, at];
          else [split.first, split.second] = [at, out.length];
        };
        if (node.max === Number.POSITIVE_INFINITY) {
          const slot = this.slots++;
          const top = out.length;
          fork(() => {
            out.push({ op: 'save', slot });
            this.emit(node.item, out);
            // A turn that matched nothing ends the loop.
            out.push({ op: 'moved', slot }, { op: 'jump', to: top });
          });
        } else {
          const nest = (left: number): void => {
            if (left > 0)
              fork(() => {
                this.emit(node.item, out);
                nest(left - 1);
              });
          };
          nest(node.max - node.min);
        }
      }
    }
  }

  private holds(kind: Anchor, text: string, at: number): boolean {
    if (kind === 'searchStart') return at === this.searchStart;
    if (kind !== 'clusterEdge' && kind !== 'withinCluster') return holdsIn(kind, text, at);
    this.edges ??= clusterEdges(text);
    return this.edges.has(at) === (kind === 'clusterEdge');
  }

  private error(what: string): TokenizerError {
    return new TokenizerError('step_limit', `[regex] the pattern ${JSON.stringify(this.pattern)} ${what}`);
  }

  /** All matches as start, end, … */
  matches(text: string): number[] {
    this.steps = 0;
    this.limit = baseSteps + stepsPerUnit * text.length;
    const out: number[] = [];
    let lastEnd = -1;
    this.searchStart = 0;
    this.edges = null;
    for (let at = 0; at <= text.length; ) {
      const saved = new Int32Array(this.slots).fill(-1);
      const end = this.run(this.program, text, at, saved);
      if (end < 0) {
        at += widthAt(text, at);
        continue;
      }
      const kept = saved[keepSlot] as number;
      const start = kept < 0 ? at : kept;
      // An empty match right behind the last one is none: the search goes on a character later.
      if (end === start && end === lastEnd) at += widthAt(text, at);
      else {
        out.push(start, end);
        lastEnd = end;
        at = end;
      }
      this.searchStart = at;
    }
    return out;
  }

  /**
   * The end of the first match that begins at `from` (and ends at `goal`, if that is not negative), or -1. Nothing from
   * `bound` on is matched.
   */
  private run(
    program: readonly Step[],
    text: string,
    from: number,
    saved: Int32Array,
    bound = text.length,
    goal = -1,
  ): number {
    // Waiting alternatives as (step, place); restored slots as (-1 - slot, old value).
    const waiting: number[] = [];
    let pc = 0;
    let at = from;
    for (;;) {
      if (++this.steps > this.limit) throw this.error('takes too many steps on this text; a simpler pattern is needed');
      const step = program[pc] as Step;
      let ok = true;
      pc++;
      switch (step.op) {
        case 'done':
          if (goal < 0 || at === goal) return at;
          ok = false;
          break;
        case 'set': {
          const codePoint = at < bound ? text.codePointAt(at) : undefined;
          ok = codePoint !== undefined && step.test(codePoint);
          if (ok) at += (codePoint as number) > 0xffff ? 2 : 1;
          break;
        }
        case 'split':
          if (waiting.length > mostWaiting) throw this.error('needs too much memory on this text');
          waiting.push(step.second, at);
          pc = step.first;
          break;
        case 'jump':
          pc = step.to;
          break;
        case 'save':
          waiting.push(-1 - step.slot, saved[step.slot] as number);
          saved[step.slot] = at;
          break;
        case 'moved':
          // An empty turn leaves the loop: the step behind the jump.
          if (saved[step.slot] === at) pc++;
          break;
        case 'anchor':
          ok = this.holds(step.kind, text, at);
          break;
        case 'same': {
          const piece = text.slice(saved[2 * step.index], saved[2 * step.index + 1]);
          // Long texts are compared, so that this is no single step.
          this.steps += piece.length >> 4;
          ok =
            (saved[2 * step.index + 1] as number) >= 0 &&
            at + piece.length <= bound &&
            (step.fold ? sameFolded(piece, text.slice(at, at + piece.length)) : text.startsWith(piece, at));
          if (ok) at += piece.length;
          break;
        }
        case 'inner': {
          const end = this.inner(step, text, at, saved, bound);
          if (step.kind === 'atomic') {
            ok = end >= 0;
            if (ok) at = end;
          } else ok = step.kind.startsWith('not') ? end < 0 : end >= 0;
        }
      }
      while (!ok) {
        const value = waiting.pop();
        const target = waiting.pop();
        if (value === undefined || target === undefined) return -1;
        if (target < 0) saved[-1 - target] = value;
        else {
          pc = target;
          at = value;
          ok = true;
        }
      }
    }
  }

  private inner(step: Step & { op: 'inner' }, text: string, at: number, saved: Int32Array, bound: number): number {
    if (step.kind === 'atomic') return this.run(step.program, text, at, saved, bound);
    if (step.kind === 'ahead' || step.kind === 'notAhead') return this.run(step.program, text, at, saved);
    const lengths = step.lengths === null ? null : [...step.lengths].sort((a, b) => a - b);
    let from = at;
    for (let length = 0, next = 0; from >= 0; length++) {
      if (lengths === null || lengths[next] === length) {
        if (this.run(step.program, text, from, saved, at, at) === at) return at;
        if (++next === lengths?.length) break;
      }
      from -= from > 1 && (text.codePointAt(from - 2) ?? 0) > 0xffff ? 2 : 1;
    }
    return -1;
  }
}

/** Places between grapheme clusters, by their ends. */
function clusterEdges(text: string): Set<number> {
  clusters ??= new Matcher(parsePattern(graphemePattern, 'oniguruma'), '\\X');
  return new Set([0, ...clusters.matches(text).filter((_, i) => i % 2 === 1)]);
}

let clusters: Matcher | null = null;

function widthAt(text: string, at: number): number {
  return (text.codePointAt(at) ?? 0) > 0xffff ? 2 : 1;
}

/** Whether a text is a group's again but for case. Oniguruma reads as many bytes of UTF-8 as the group has. */
function sameFolded(group: string, text: string): boolean {
  const same = group.toLowerCase() === text.toLowerCase() || group.toUpperCase() === text.toUpperCase();
  return same && group.length === text.length && bytesOf(text) <= bytesOf(group);
}

function bytesOf(text: string): number {
  let bytes = 0;
  for (const char of text) bytes += utf8Length(char.codePointAt(0) as number);
  return bytes;
}

function highestCapture(node: Node): number {
  switch (node.type) {
    case 'sequence':
    case 'choice':
      return Math.max(0, ...node.items.map(highestCapture));
    case 'capture':
      return Math.max(node.index, highestCapture(node.item));
    case 'repeat':
    case 'atomic':
    case 'look':
      return highestCapture(node.item);
    default:
      return 0;
  }
}

function isWordAt(text: string, at: number, characters: RegExp): boolean {
  const codePoint = text.codePointAt(at);
  return codePoint !== undefined && characters.test(String.fromCodePoint(codePoint));
}

function holdsIn(
  kind: Exclude<Anchor, 'searchStart' | 'clusterEdge' | 'withinCluster'>,
  text: string,
  at: number,
): boolean {
  switch (kind) {
    case 'textStart':
      return at === 0;
    case 'textEnd':
      return at === text.length;
    case 'lastLineEnd':
      return at === text.length || (at === text.length - 1 && text[at] === '\n');
    case 'lineStart':
      return at === 0 || (text[at - 1] === '\n' && at < text.length);
    case 'lineEnd':
      return at === text.length || text[at] === '\n';
    default: {
      const characters = kind === 'rustWord' || kind === 'notRustWord' ? rustWord : word;
      const last = at > 1 && (text.codePointAt(at - 2) ?? 0) > 0xffff ? at - 2 : at - 1;
      const before = at > 0 && isWordAt(text, last, characters);
      return (before !== isWordAt(text, at, characters)) === (kind === 'word' || kind === 'rustWord');
    }
  }
}
