import { groupSlot } from './steps';

/** What a machine has saved on its way, with the old values, and where else it may go on. */
export class Trail {
  /** Work so far. */
  protected steps = 0;
  protected saved = new Int32Array();
  /** Waiting alternatives as (step, place); restored slots as (-1 - slot, old value). */
  protected readonly waiting: number[] = [];

  protected at(slot: number): number {
    return this.saved[slot] as number;
  }

  protected set(slot: number, value: number): void {
    this.waiting.push(-1 - slot, this.at(slot));
    this.saved[slot] = value;
  }

  /** Gives back what was saved since so much was waiting, and lets go of the rest. */
  protected unwind(height: number): void {
    const { saved, waiting } = this;
    while (waiting.length > height) {
      const value = waiting.pop() as number;
      const target = waiting.pop() as number;
      if (target < 0) saved[-1 - target] = value;
    }
  }

  /** Lets go of the alternatives since so much was waiting; what was saved is still given back on the way further back. */
  protected cut(height: number): void {
    const { waiting } = this;
    let kept = height;
    for (let i = height; i < waiting.length; i += 2) {
      if ((waiting[i] as number) >= 0) continue;
      waiting[kept++] = waiting[i] as number;
      waiting[kept++] = waiting[i + 1] as number;
    }
    this.steps += (waiting.length - height) >> 5;
    waiting.length = kept;
  }

  /** The last text that one of some groups had in a call so many levels further in: what was saved tells, read back. */
  protected textAt(indexes: readonly number[], level: number, depthSlot: number): (readonly [number, number])[] {
    const { waiting } = this;
    const then = new Map<number, number>();
    const was = (slot: number) => then.get(slot) ?? this.at(slot);
    const depth = was(depthSlot) + level;
    for (let i = waiting.length - 2; i >= 0; i -= 2) {
      this.steps++;
      const slot = -1 - (waiting[i] as number);
      if (was(depthSlot) === depth) {
        const ended = indexes.find((index) => slot === groupSlot(index) + 1 && was(slot) >= 0);
        if (ended !== undefined) return [[was(slot - 1), was(slot)]];
      }
      if (slot >= 0) then.set(slot, waiting[i + 1] as number);
    }
    return [];
  }
}
