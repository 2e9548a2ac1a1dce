import { type Node, someNode } from './ast';

/** Whether a pattern has something in look-behind that Oniguruma refuses there. */
export function refusedBehind(root: Node): boolean {
  return someNode(
    root,
    (look) => look.type === 'look' && look.behind && someNode(look.item, (node) => !standsBehind(node, look.negative)),
  );
}

function standsBehind(node: Node, negative: boolean): boolean {
  if (node.type === 'capture') return !negative;
  if (node.type === 'look') return node.behind && (negative || !node.negative);
  if (node.type === 'anchor') return !/^(textE|last)/.test(node.kind);
  return !/^(stopper|range)/.test(node.type);
}
