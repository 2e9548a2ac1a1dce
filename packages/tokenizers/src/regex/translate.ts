import { anchors } from './anchors';
import { type Node, someNode } from './ast';
import { canBeEmpty } from './lengths';

/** The pattern as JavaScript's, for the flag `v`. Atomic groups become look-aheads, which never give back. */
export function translate(node: Node): string {
  let atomics = 0;
  const visit = (n: Node): string => {
    switch (n.type) {
      case 'set':
        return n.source;
      case 'sequence':
        return n.items.map((item) => (item.type === 'choice' ? `(?:${visit(item)})` : visit(item))).join('');
      case 'choice':
        return n.items.map(visit).join('|');
      case 'capture':
        return `(?<c${n.index}>${visit(n.item)})`;
      case 'atomic': {
        const name = `a${atomics++}`;
        return `(?=(?<${name}>${visit(n.item)}))\\k<${name}>`;
      }
      case 'look':
        return `(?${n.behind ? '<' : ''}${n.negative ? '!' : '='}${visit(n.item)})`;
      case 'anchor':
        return anchors[n.kind] ?? '';
      case 'repeat': {
        if (n.mode === 'possessive') return visit({ type: 'atomic', item: { ...n, mode: 'greedy' } });
        const item = n.item.type === 'set' ? n.item.source : `(?:${visit(n.item)})`;
        return `${item}{${n.min},${n.max === Number.POSITIVE_INFINITY ? '' : n.max}}${n.mode === 'lazy' ? '?' : ''}`;
      }
      default:
        return '';
    }
  };
  return visit(node);
}

/**
 * True if JavaScript's own engine is safe with the pattern: it repeats single characters, or a few times something
 * that repeats nothing. Anything else may take exponential time there.
 */
export function isSafe(node: Node): boolean {
  switch (node.type) {
    case 'set':
      return true;
    case 'anchor':
      return anchors[node.kind] !== undefined;
    case 'sequence':
    case 'choice':
      return node.items.every(isSafe);
    case 'capture':
    case 'atomic':
      return isSafe(node.item);
    case 'look':
      // Look-behind is matched backwards there, which the translation of atomic groups is not made for.
      return isSafe(node.item) && !(node.behind && someNode(node.item, isAtomic));
    case 'repeat':
      if (node.item.type === 'set') return true;
      // Of something optional JavaScript takes no empty match where another way to match it is not empty.
      if (canBeEmpty(node.item)) return false;
      return isSafe(node.item) && (node.max <= 1 || (node.max <= 8 && !someNode(node.item, repeats)));
    default:
      return false;
  }
}

function repeats({ type }: Node): boolean {
  return type === 'repeat' || type === 'choice';
}

function isAtomic(node: Node): boolean {
  return node.type === 'atomic' || (node.type === 'repeat' && node.mode === 'possessive');
}
