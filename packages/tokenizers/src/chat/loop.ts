import { equal } from './compare';
import type { MarkedText } from './marked-text';
import type { Run } from './run';
import { Callable, List, Namespace, Undefined, type Value, int } from './values';

/** What `loop.changed` saw last; one for all turns of a loop. */
export interface LoopMemory {
  last: Value | undefined;
}

/** `loop`, in one turn. */
export class Loop extends Namespace {
  /**
   * @param depth Loops of the same recursive loop around this one, itself included.
   * @param again Goes through another list with the same body; null for loops that are not recursive.
   */
  constructor(
    private readonly run: Run,
    private readonly items: readonly Value[],
    private readonly at: number,
    private readonly memory: LoopMemory,
    private readonly depth: number,
    private readonly again: ((list: Value) => MarkedText) | null,
  ) {
    super(new Map(), 'loop');
  }

  get shown(): string {
    return `<LoopContext ${this.at + 1}/${this.items.length}>`;
  }

  /** `loop(list)`. */
  call(list: readonly Value[]): Value {
    const [value] = list;
    if (this.again === null) return this.run.fail('expected a loop marked recursive to be called, got another');
    if (value === undefined || list.length > 1) return this.run.fail('expected one list to go through');
    return this.again(value);
  }

  // Most loops ask for a field or two: none is made before.
  override field(name: string): Value | undefined {
    const { items, at } = this;
    switch (name) {
      case 'index':
        return int(at + 1);
      case 'index0':
        return int(at);
      case 'revindex':
        return int(items.length - at);
      case 'revindex0':
        return int(items.length - at - 1);
      case 'first':
        return at === 0;
      case 'last':
        return at === items.length - 1;
      case 'length':
        return int(items.length);
      case 'depth':
        return int(this.depth);
      case 'depth0':
        return int(this.depth - 1);
      case 'previtem':
        return items[at - 1] ?? new Undefined('there is no previous item');
      case 'nextitem':
        return items[at + 1] ?? new Undefined('there is no next item');
      case 'cycle':
        return new Callable(
          'cycle',
          ({ list }) => list[at % list.length] ?? this.run.fail('no items for cycling given'),
        );
      case 'changed':
        return new Callable('changed', ({ list }) => {
          const now = new List(list, true);
          const same = this.memory.last !== undefined && equal(this.run, this.memory.last, now);
          this.memory.last = now;
          return !same;
        });
      default:
        return undefined;
    }
  }
}
