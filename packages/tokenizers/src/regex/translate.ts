import type { Anchor, Node } from './ast';
import { wordSource } from './classes';

const word = `[${wordSource}]`;
const anchors: Readonly<Record<Anchor, string>> = {
  // Oniguruma has no empty line behind a final newline at its start, but one at its end.
  lineStart: '(?:(?<![\\s\\S])|(?<=\\n)(?=[\\s\\S]))',
  lineEnd: '(?=\\n|(?![\\s\\S]))',
  textStart: '(?<![\\s\\S])',
  textEnd: '(?![\\s\\S])',
  lastLineEnd: '(?=\\n?(?![\\s\\S]))',
  word: `(?:(?<=${word})(?!${word})|(?<!${word})(?=${word}))`,
  notWord: `(?:(?<=${word})(?=${word})|(?<!${word})(?!${word}))`,
};

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
        return anchors[n.kind];
      case 'backreference':
        return `\\k<c${n.index}>`;
      case 'repeat': {
        if (n.mode === 'possessive') return visit({ type: 'atomic', item: { ...n, mode: 'greedy' } });
        const item = n.item.type === 'set' ? n.item.source : `(?:${visit(n.item)})`;
        return `${item}{${n.min},${n.max === Number.POSITIVE_INFINITY ? '' : n.max}}${n.mode === 'lazy' ? '?' : ''}`;
      }
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
    case 'anchor':
      return true;
    case 'backreference':
      return false;
    case 'sequence':
    case 'choice':
      return node.items.every(isSafe);
    case 'capture':
    case 'atomic':
    case 'look':
      return isSafe(node.item);
    case 'repeat':
      return node.item.type === 'set' || (node.max <= 1 && isSafe(node.item)) || (node.max <= 8 && !repeats(node.item));
  }
}

function repeats(node: Node): boolean {
  switch (node.type) {
    case 'set':
    case 'anchor':
      return false;
    case 'repeat':
    case 'backreference':
    case 'choice':
      return true;
    case 'sequence':
      return node.items.some(repeats);
    default:
      return repeats(node.item);
  }
}
