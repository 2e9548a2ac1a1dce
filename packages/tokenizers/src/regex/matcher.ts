import { TokenizerError } from '../errors';
import { checkMatches } from '../text/growth';
import { unitsAt } from '../text/unicode';
import { anchors } from './anchors';
import type { Anchor, Backreference, Node } from './ast';
import { placeBefore, sameFolded } from './characters';
import { graphemePattern } from './grapheme';
import { parsePattern } from './parse';
import { Program } from './program';
import { type Limit, type Step, boundSlot, groupSlot, keepSlot, wholeSlot } from './steps';
import { Trail } from './trail';

/** Work per text: this much, and this much more per code unit. */
const baseSteps = 2_000_000;
const stepsPerUnit = 500;
const mostWaiting = 20_000_000;
/** Calls within each other: beyond, Oniguruma takes a call for one that does not match. */
const deepestCall = 20;

const anchored = new Map<Anchor, RegExp>();

/**
 * A backtracking matcher of our own, for patterns that JavaScript's engine might never finish: it counts its steps and
 * gives up with an error that names the pattern. It keeps its own stack, so no pattern or text is too deep for it.
 */
export class Matcher extends Trail {
  private readonly program: Program;
  /** For each limit, from where it was looked for, up to where, and the place. */
  private readonly limits = new Map<Limit, readonly [from: number, bound: number, place: number]>();
  private limit = 0;
  private searchStart = 0;
  private edges: Set<number> | null = null;

  constructor(
    node: Node,
    private readonly pattern: string,
  ) {
    super();
    this.program = new Program(node, () => {
      throw this.error('is too large');
    });
    this.saved = new Int32Array(this.program.slots);
  }

  private holds(kind: Anchor, text: string, at: number): boolean {
    if (kind === 'searchStart') return at === this.searchStart;
    if (kind !== 'clusterEdge' && kind !== 'withinCluster') {
      const expression = anchored.get(kind) ?? new RegExp(anchors[kind] ?? '', 'vy');
      anchored.set(kind, expression);
      expression.lastIndex = at;
      return expression.test(text);
    }
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
    this.limits.clear();
    const out: number[] = [];
    let lastEnd = -1;
    this.searchStart = 0;
    this.edges = null;
    for (let at = 0; at <= text.length; ) {
      const end = this.run(text, at);
      if (end < 0) {
        at += unitsAt(text, at);
        continue;
      }
      const kept = this.at(keepSlot);
      const start = kept < 0 ? at : Math.min(kept, end);
      // An empty match right behind the last one is none: the search goes on a character later.
      if (end === start && end === lastEnd) at += unitsAt(text, at);
      else {
        out.push(start, end);
        checkMatches(out);
        lastEnd = end;
        at = end;
      }
      this.searchStart = at;
    }
    return out;
  }

  /** The end of the match that begins at `from`, or -1. */
  private run(text: string, from: number): number {
    const { saved, waiting } = this;
    const program = this.program.steps;
    const { local } = this.program;
    saved.fill(-1);
    saved[boundSlot] = text.length;
    saved[wholeSlot] = text.length;
    waiting.length = 0;
    let pc = 0;
    let at = from;
    for (;;) {
      if (++this.steps > this.limit) throw this.error('takes too many steps on this text; a simpler pattern is needed');
      if (waiting.length > mostWaiting) throw this.error('needs too much memory on this text');
      const step = program[pc] as Step;
      let ok = true;
      pc++;
      switch (step.op) {
        case 'done':
          return at;
        case 'set': {
          const codePoint = at < this.at(boundSlot) ? text.codePointAt(at) : undefined;
          ok = codePoint !== undefined && step.test(codePoint);
          if (ok) at += (codePoint as number) > 0xffff ? 2 : 1;
          break;
        }
        case 'split':
          waiting.push(step.second, at);
          pc = step.first;
          break;
        case 'jump':
          pc = step.to;
          break;
        case 'save':
          this.set(step.slot, at);
          break;
        case 'copy':
          this.set(step.to, this.at(step.from));
          break;
        case 'moved':
          // An empty turn leaves the loop: the step behind the jump.
          if (this.at(step.slot) === at) pc++;
          break;
        case 'anchor':
          ok = this.holds(step.kind, text, at);
          break;
        case 'same': {
          const end = this.same(step, text, at);
          ok = end >= 0;
          if (ok) at = end;
          break;
        }
        case 'mark':
          this.set(step.slot, 0);
          this.set(step.slot + 1, at);
          saved[step.slot] = waiting.length;
          break;
        case 'cut':
          this.cut(this.at(step.slot));
          if (step.back) at = this.at(step.slot + 1);
          break;
        case 'refuse':
          this.unwind(this.at(step.slot));
          ok = false;
          break;
        case 'there':
          ok = at === this.at(step.slot + 1);
          break;
        case 'back': {
          const { slot, lengths, again } = step;
          let length = again ? this.at(slot + 3) + 1 : 0;
          let place = again ? placeBefore(text, at) : at;
          const longest = lengths?.at(-1) ?? Number.POSITIVE_INFINITY;
          for (; place >= 0 && lengths?.includes(length) === false; length++) {
            place = length < longest ? placeBefore(text, place) : -1;
          }
          ok = place >= 0;
          if (!ok) break;
          this.set(slot + 3, length);
          if (!again) pc++;
          if (length < longest) waiting.push(pc - 1, place);
          at = place;
          break;
        }
        case 'limit': {
          const [first, bound, place] = this.limits.get(step) ?? [at, -1, at];
          if (!step.fixed || bound !== this.at(boundSlot) || at < first || at > place) break;
          this.set(boundSlot, place);
          pc = step.to;
          break;
        }
        case 'limited': {
          const { limit, found } = step;
          const bound = this.at(boundSlot);
          const place = found ? this.at(limit.slot + 2) : bound;
          this.unwind(this.at(limit.slot));
          at = this.at(limit.slot + 1);
          this.limits.set(limit, [at, this.at(boundSlot), place]);
          this.set(boundSlot, place);
          pc = limit.to;
          break;
        }
        case 'call': {
          ok = this.at(local + 2) + 1 < deepestCall;
          const height = waiting.length;
          for (let slot = local; slot < saved.length; slot++) this.set(slot, this.at(slot));
          this.steps += saved.length >> 2;
          saved[local] = pc;
          saved[local + 1] = height;
          saved[local + 2] = this.at(local + 2) + 1;
          pc = step.to;
          break;
        }
        case 'return': {
          // What the call had for itself is what it was before: the outer one goes on with it.
          pc = this.at(local);
          const height = this.at(local + 1);
          for (let slot = local; slot < saved.length; slot++) {
            this.set(slot, waiting[height + 2 * (slot - local) + 1] as number);
          }
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

  /** Where a group's text ends that comes again at a place, or -1. */
  private same({ indexes, fold, level, checks }: Backreference, text: string, at: number): number {
    const texts =
      level === null
        ? indexes.map((index) => [this.at(groupSlot(index)), this.at(groupSlot(index) + 1)] as const)
        : this.textAt(indexes, level, this.program.local + 2);
    for (const [start, end] of texts) {
      if (start < 0 || end < 0) continue;
      if (checks) return at;
      const piece = text.slice(start, end);
      // Long texts are compared, so that this is no single step.
      this.steps += piece.length >> 4;
      if (at + piece.length > this.at(boundSlot)) continue;
      if (fold ? sameFolded(piece, text.slice(at, at + piece.length)) : text.startsWith(piece, at))
        return at + piece.length;
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
