import type { Node } from './ast';

/** Groups by their number. */
export type Groups = ReadonlyMap<number, Node>;

/** Lengths in characters that a node can match; null if they are many. */
export function lengthsOf(node: Node): number[] | null {
  switch (node.type) {
    case 'set':
      return [1];
    case 'anchor':
    case 'look':
      return [0];
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
    default:
      return null;
  }
}

/**
 * Tells whether a node can match nothing.
 *
 * @param groups What is called and referred to.
 * @param open Groups that are being looked at: to come to them again takes nothing.
 */
export function emptiness(groups: Groups, open: Set<number>): (node: Node) => boolean {
  const known = new Map<number, boolean>();
  const group = (index: number): boolean => {
    let answer = known.get(index);
    const item = groups.get(index);
    if (answer !== undefined) return answer;
    if (item === undefined || open.has(index)) return true;
    open.add(index);
    answer = empty(item);
    open.delete(index);
    known.set(index, answer);
    return answer;
  };
  const empty = (node: Node): boolean => {
    switch (node.type) {
      case 'set':
        return false;
      case 'sequence':
        return node.items.every(empty);
      case 'choice':
        return node.items.some(empty);
      case 'repeat':
        return node.min === 0 || empty(node.item);
      case 'capture':
        return groups.has(node.index) ? group(node.index) : empty(node.item);
      case 'atomic':
        return empty(node.item);
      case 'call':
        return group(node.index);
      case 'backreference':
        return node.checks || node.indexes.some(group);
      case 'condition':
        return empty(node.items[2]) || (empty(node.items[0]) && empty(node.items[1]));
      case 'absent':
        return empty(node.items[1]);
      default:
        return true;
    }
  };
  return empty;
}

/** Whether a node can match nothing; calls and references can. */
export const canBeEmpty = emptiness(new Map(), new Set());
