import type { Anchor, Node } from './ast';

/** What the machine does; a program is a list of these. */
export type Step =
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

/** Where `\K` leaves the beginning of the match; groups are counted from 1. */
export const keepSlot = 0;
const mostSteps = 100_000;

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

/** A pattern as steps of a machine. */
export class Program {
  readonly steps: readonly Step[];
  /** Places that the steps save: the match's beginning and each group's ends, and where turns of loops begin. */
  slots: number;

  /** @param tooLarge Called for a pattern of too many steps. */
  constructor(
    node: Node,
    private readonly tooLarge: () => never,
  ) {
    this.slots = 2 * (1 + highestCapture(node));
    this.steps = this.compile(node);
  }

  private compile(node: Node): Step[] {
    const steps: Step[] = [];
    this.emit(node, steps);
    steps.push({ op: 'done' });
    return steps;
  }

  private emit(node: Node, out: Step[]): void {
    if (out.length > mostSteps) this.tooLarge();
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
}
