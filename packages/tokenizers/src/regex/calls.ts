import { type Node, childrenOf } from './ast';
import { type Groups, emptiness } from './lengths';

/** The groups of a pattern by number. */
export function groupsOf(root: Node): Groups {
  const groups = new Map<number, Node>();
  const visit = (node: Node): void => {
    if (node.type === 'capture') groups.set(node.index, node.item);
    childrenOf(node).forEach(visit);
  };
  visit(root);
  return groups;
}

/** What a group does before it is done: calls itself whatever comes, or without a character before. */
const always = 1;
const atOnce = 2;

/** Whether a call of one of some groups would never end, for Oniguruma refuses such patterns. */
export function neverEnds(root: Node, called: readonly number[]): boolean {
  const groups = groupsOf(root);
  const marked = new Set<number>();
  const canBeEmpty = emptiness(groups, marked);
  return [...groups].some(([self, group]) => {
    if (!called.includes(self)) return false;
    const open = new Set<number>();
    // Groups that call each other are looked at once with a character before, and once without.
    const known = new Map<number, number>();
    const visit = (node: Node, head: boolean): number => {
      switch (node.type) {
        case 'sequence': {
          let found = 0;
          let first = head;
          for (const item of node.items) {
            found |= visit(item, first);
            if (found & atOnce) return found;
            first &&= canBeEmpty(item);
          }
          return found;
        }
        case 'choice':
          return node.items.map((item) => visit(item, head)).reduce(either);
        case 'repeat':
          return node.max === 0 ? 0 : visit(node.item, head) & (node.min === 0 ? ~always : ~0);
        case 'condition': {
          const [test, yes, no] = node.items;
          return either(visit(test, head) | visit(yes, head && canBeEmpty(test)), visit(no, head));
        }
        case 'absent':
          return (visit(node.items[0], head) & atOnce) | visit(node.items[1], head);
        case 'stopper':
          return visit(node.item, head) & atOnce;
        case 'capture':
        case 'call': {
          const inner = groups.get(node.index);
          if (inner === undefined || open.has(node.index)) return 0;
          if (node.index === self) return head ? always | atOnce : always;
          const key = 2 * node.index + Number(head);
          let found = known.get(key);
          if (found !== undefined) return found;
          open.add(node.index);
          found = visit(inner, head);
          open.delete(node.index);
          known.set(key, found);
          return found;
        }
        default:
          return childrenOf(node).reduce((found, child) => found | visit(child, head), 0);
      }
    };
    marked.add(self);
    const found = visit(group, true);
    marked.delete(self);
    return found !== 0;
  });
}

/** What is found on one way or the other. */
function either(a: number, b: number): number {
  return (a & b & always) | ((a | b) & atOnce);
}
