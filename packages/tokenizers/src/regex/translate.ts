import type { Anchor, Node } from './ast';
import { rustWordSource, wordSource } from './classes';

const border = (word: string) => `(?:(?<=[${word}])(?![${word}])|(?<![${word}])(?=[${word}]))`;
const noBorder = (word: string) => `(?:(?<=[${word}])(?=[${word}])|(?<![${word}])(?![${word}]))`;
/** What has no translation is kept out by `isSafe`. */
const anchors: Readonly<Partial<Record<Anchor, string>>> = {
  // Oniguruma has no empty line behind a final newline at its start, but one at its end.
  lineStart: '(?:(?<![\\s\\S])|(?<=\\n)(?=[\\s\\S]))',
  lineEnd: '(?=\\n|(?![\\s\\S]))',
  textStart: '(?<![\\s\\S])',
  textEnd: '(?![\\s\\S])',
  lastLineEnd: '(?=\\n?(?![\\s\\S]))',
  word: border(wordSource),
  notWord: noBorder(wordSource),
  rustWord: border(rustWordSource),
  notRustWord: noBorder(rustWordSource),
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
        return anchors[n.kind] ?? '';
      case 'keep':
        return '';
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
      return true;
    case 'anchor':
      return anchors[node.kind] !== undefined;
    case 'keep':
    case 'backreference':
      return false;
    case 'sequence':
    case 'choice':
      return node.items.every(isSafe);
    case 'capture':
    case 'atomic':
      return isSafe(node.item);
    case 'look':
      // Look-behind is matched backwards there, which the translation of atomic groups is not made for.
      return isSafe(node.item) && !(node.behind && isAtomic(node.item));
    case 'repeat':
      if (node.item.type === 'set') return true;
      // Of something optional JavaScript takes no empty match where another way to match it is not empty.
      if (canBeEmpty(node.item)) return false;
      return isSafe(node.item) && (node.max <= 1 || (node.max <= 8 && !repeats(node.item)));
  }
}

function canBeEmpty(node: Node): boolean {
  switch (node.type) {
    case 'set':
      return false;
    case 'sequence':
      return node.items.every(canBeEmpty);
    case 'choice':
      return node.items.some(canBeEmpty);
    case 'repeat':
      return node.min === 0 || canBeEmpty(node.item);
    case 'capture':
    case 'atomic':
      return canBeEmpty(node.item);
    default:
      return true;
  }
}

function repeats(node: Node): boolean {
  switch (node.type) {
    case 'set':
    case 'anchor':
    case 'keep':
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

function isAtomic(node: Node): boolean {
  switch (node.type) {
    case 'atomic':
      return true;
    case 'repeat':
      return node.mode === 'possessive' || isAtomic(node.item);
    case 'sequence':
    case 'choice':
      return node.items.some(isAtomic);
    case 'capture':
    case 'look':
      return isAtomic(node.item);
    default:
      return false;
  }
}
