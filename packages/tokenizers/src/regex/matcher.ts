import { TokenizerError } from '../errors';
import { utf8Length } from '../text/unicode';
import type { Anchor, Node } from './ast';
import { rustWordSource, wordSource } from './classes';
import { graphemePattern } from './grapheme';
import { parsePattern } from './parse';
import { Program, type Step, keepSlot } from './program';

const word = new RegExp(`^[${wordSource}]$`, 'v');
const rustWord = new RegExp(`^[${rustWordSource}]$`, 'v');
/** Work per text: this much, and this much more per code unit. */
const baseSteps = 2_000_000;
const stepsPerUnit = 500;
const mostWaiting = 20_000_000;

/**
 * A backtracking matcher of our own, for patterns that JavaScript's engine might never finish: it counts its steps and
 * gives up with an error that names the pattern.
 */
export class Matcher {
  private readonly program: Program;
  private steps = 0;
  private limit = 0;
  private searchStart = 0;
  private edges: Set<number> | null = null;

  constructor(
    node: Node,
    private readonly pattern: string,
  ) {
    this.program = new Program(node, () => {
      throw this.error('is too large');
    });
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
    const { steps, slots } = this.program;
    this.steps = 0;
    this.limit = baseSteps + stepsPerUnit * text.length;
    const out: number[] = [];
    let lastEnd = -1;
    this.searchStart = 0;
    this.edges = null;
    for (let at = 0; at <= text.length; ) {
      const saved = new Int32Array(slots).fill(-1);
      const end = this.run(steps, text, at, saved);
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
