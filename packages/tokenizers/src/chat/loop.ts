import { equal } from './compare';
import type { Run } from './run';
import { Callable, List, Namespace, Undefined, type Value, int } from './values';

/** What `loop.changed` saw last; one for all turns of a loop. */
export interface LoopMemory {
  last: Value | undefined;
}

/** `loop`, in one turn. */
export class Loop extends Namespace {
  constructor(
    private readonly run: Run,
    private readonly items: readonly Value[],
    private readonly at: number,
    private readonly memory: LoopMemory,
  ) {
    super(new Map(), 'loop');
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
        return int(1);
      case 'depth0':
        return int(0);
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
