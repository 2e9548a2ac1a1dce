import { type Node, someNode } from './ast';
import { groupsOf } from './calls';
import { type Groups, canBeEmpty, lengthsOf } from './lengths';
import { type Limit, type Step, boundSlot, groupSlot, keepSlot, noneSlot, wholeSlot } from './steps';

const mostSteps = 100_000;
const any: Step = { op: 'set', test: () => true };

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

/** A pattern as steps of a machine. */
export class Program {
  readonly steps: Step[] = [];
  /** Places that the steps save: those above, each group's, and what is of one run through a group alone. */
  slots: number;
  /** First of the slots that a call has for itself: the step to return to, what waited, the depth, and what follows. */
  readonly local: number;
  private readonly groups: Groups;
  private readonly called = new Set<number>();
  private readonly referred = new Set<number>();

  /** @param tooLarge Called for a pattern of too many steps. */
  constructor(
    node: Node,
    private readonly tooLarge: () => never,
  ) {
    this.groups = groupsOf(node);
    someNode(node, (each) => {
      if (each.type === 'call') this.called.add(each.index);
      if (each.type === 'backreference') for (const index of each.indexes) this.referred.add(index);
      return false;
    });
    this.local = groupSlot(1 + Math.max(0, ...this.groups.keys()));
    this.slots = this.local + 3;
    this.emit(node);
    this.steps.push({ op: 'done' });
    const begins = new Map<number, number>();
    for (const index of this.called) {
      begins.set(index, this.steps.length);
      this.group(index);
      this.steps.push({ op: 'return' });
    }
    for (const step of this.steps) if (step.op === 'call') step.to = begins.get(step.index) as number;
  }

  private slot(count: number): number {
    this.slots += count;
    return this.slots - count;
  }

  /** A split; what `body` makes is tried first, and what comes behind it second, or the other way round. */
  private fork(body: () => void, lazy = false): void {
    const split: Step & { op: 'split' } = { op: 'split', first: 0, second: 0 };
    const at = this.steps.push(split);
    body();
    if (lazy) [split.first, split.second] = [this.steps.length, at];
    else [split.first, split.second] = [at, this.steps.length];
  }

  /** Splits between several, tried in turn. */
  private oneOf(bodies: readonly (() => void)[]): void {
    const jumps: { op: 'jump'; to: number }[] = [];
    bodies.forEach((body, i) => {
      if (i === bodies.length - 1) return body();
      this.fork(() => {
        body();
        const jump = { op: 'jump' as const, to: 0 };
        jumps.push(jump);
        this.steps.push(jump);
      });
    });
    for (const jump of jumps) jump.to = this.steps.length;
  }

  /** A group's item, whose ends are kept if something refers to them. */
  private group(index: number): void {
    const item = this.groups.get(index) as Node;
    if (!this.referred.has(index)) return this.emit(item);
    const slot = this.slot(1);
    const end = groupSlot(index) + 1;
    this.steps.push({ op: 'save', slot }, { op: 'copy', from: noneSlot, to: end });
    this.emit(item);
    this.steps.push({ op: 'copy', from: slot, to: end - 1 }, { op: 'save', slot: end });
  }

  private look({ item, behind, negative }: Node & { readonly type: 'look' }): void {
    const out = this.steps;
    const slot = this.slot(4);
    const bound = slot + 2;
    out.push({ op: 'mark', slot });
    const body = () => {
      if (behind) {
        out.push({ op: 'copy', from: boundSlot, to: bound }, { op: 'copy', from: slot + 1, to: boundSlot });
        const lengths = lengthsOf(item)?.sort((a, b) => a - b) ?? null;
        out.push({ op: 'back', slot, lengths, again: false }, { op: 'back', slot, lengths, again: true });
      }
      this.emit(item);
      if (behind) out.push({ op: 'there', slot });
      out.push(negative ? { op: 'refuse', slot } : { op: 'cut', slot, back: true });
    };
    if (negative) this.fork(body);
    else {
      body();
      if (behind) out.push({ op: 'copy', from: bound, to: boundSlot });
    }
  }

  /** Goes from place to place until the item matches, and lets nothing from there on be matched. */
  private stopper(item: Node): void {
    const out = this.steps;
    const slot = this.slot(3);
    const fixed = !someNode(
      item,
      (each) =>
        each.type === 'backreference' ||
        each.type === 'call' ||
        (each.type === 'anchor' && each.kind === 'searchStart'),
    );
    const limit: Limit = { op: 'limit', slot, fixed, to: 0 };
    out.push({ op: 'mark', slot }, limit);
    const top = out.push({ op: 'save', slot: slot + 2 }) - 1;
    this.fork(() => {
      this.emit(item);
      out.push({ op: 'limited', limit, found: true });
    });
    this.fork(() => out.push(any, { op: 'jump', to: top }));
    out.push({ op: 'limited', limit, found: false });
    limit.to = out.length;
  }

  private emit(node: Node): void {
    const out = this.steps;
    if (out.length > mostSteps) this.tooLarge();
    switch (node.type) {
      case 'set':
        out.push({ op: 'set', test: memberTest(node.source) });
        return;
      case 'anchor':
        out.push(node.kind === 'keep' ? { op: 'save', slot: keepSlot } : { op: 'anchor', kind: node.kind });
        return;
      case 'backreference':
        out.push({ ...node, op: 'same' });
        return;
      case 'rangeClear':
        out.push({ op: 'copy', from: wholeSlot, to: boundSlot });
        return;
      case 'sequence':
        for (const item of node.items) this.emit(item);
        return;
      case 'call':
        out.push({ op: 'call', index: node.index, to: 0 });
        return;
      case 'capture':
        if (this.called.has(node.index)) this.emit({ type: 'call', index: node.index });
        else this.group(node.index);
        return;
      case 'look':
        this.look(node);
        return;
      case 'stopper':
        this.stopper(node.item);
        return;
      case 'absent': {
        const slot = this.slot(1);
        out.push({ op: 'copy', from: boundSlot, to: slot });
        this.stopper(node.items[0]);
        this.emit(node.items[1]);
        out.push({ op: 'copy', from: slot, to: boundSlot });
        return;
      }
      case 'atomic': {
        const slot = this.slot(2);
        out.push({ op: 'mark', slot });
        this.emit(node.item);
        out.push({ op: 'cut', slot, back: false });
        return;
      }
      case 'condition': {
        const [test, yes, no] = node.items;
        const slot = this.slot(2);
        out.push({ op: 'mark', slot });
        this.oneOf([
          () => {
            this.emit(test);
            out.push({ op: 'cut', slot, back: false });
            this.emit(yes);
          },
          () => this.emit(no),
        ]);
        return;
      }
      case 'choice':
        this.oneOf(node.items.map((item) => () => this.emit(item)));
        return;
      case 'repeat': {
        if (node.mode === 'possessive') return this.emit({ type: 'atomic', item: { ...node, mode: 'greedy' } });
        for (let i = 0; i < node.min; i++) this.emit(node.item);
        const lazy = node.mode === 'lazy';
        if (node.max === Number.POSITIVE_INFINITY) {
          const top = out.length;
          const slot = canBeEmpty(node.item) ? this.slot(1) : null;
          this.fork(() => {
            if (slot !== null) out.push({ op: 'save', slot });
            this.emit(node.item);
            // A turn that matched nothing ends the loop.
            if (slot !== null) out.push({ op: 'moved', slot });
            out.push({ op: 'jump', to: top });
          }, lazy);
        } else {
          const nest = (left: number): void => {
            if (left > 0)
              this.fork(() => {
                this.emit(node.item);
                nest(left - 1);
              }, lazy);
          };
          nest(node.max - node.min);
        }
      }
    }
  }
}
