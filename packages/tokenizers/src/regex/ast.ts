/** A zero-width test. `line…` are Oniguruma's `^` and `$`, which know lines without any flag. */
export type Anchor =
  | 'lineStart'
  | 'lineEnd'
  | 'textStart'
  | 'textEnd'
  | 'lastLineEnd'
  /** Where the search for this match began. */
  | 'searchStart'
  /** Where the match is to begin, whatever was matched before; holds everywhere. */
  | 'keep'
  /** Between two grapheme clusters, and within one. */
  | 'clusterEdge'
  | 'withinCluster'
  | 'word'
  | 'notWord'
  | 'asciiWord'
  | 'notAsciiWord'
  | 'rustWord'
  | 'notRustWord';

/** A pattern as a tree. `set.source` is a class of JavaScript's `v` mode that matches one character. */
export type Node =
  | {
      readonly type: 'set';
      readonly source: string;
      /** In a case-insensitive pattern of Oniguruma's: the character that it stands for, or a bracket class. */
      readonly cased?: { readonly char: string } | 'class';
    }
  | { readonly type: 'sequence'; readonly items: readonly Node[] }
  | { readonly type: 'choice'; readonly items: readonly Node[] }
  | {
      readonly type: 'repeat';
      readonly item: Node;
      readonly min: number;
      readonly max: number;
      readonly mode: RepeatMode;
    }
  | { readonly type: 'capture'; readonly item: Node; readonly index: number }
  | { readonly type: 'atomic'; readonly item: Node }
  | { readonly type: 'look'; readonly item: Node; readonly behind: boolean; readonly negative: boolean }
  | { readonly type: 'anchor'; readonly kind: Anchor }
  | Backreference
  /** The group of that number again, with what it holds now; 0 is the whole pattern. */
  | { readonly type: 'call'; readonly index: number }
  /** Test, what stands for it if that matches, and what if not. */
  | { readonly type: 'condition'; readonly items: readonly [test: Node, yes: Node, no: Node] }
  /** What must not begin within the text, and what is matched before it. */
  | { readonly type: 'absent'; readonly items: readonly [absent: Node, item: Node] }
  /** Nothing from where the item would begin on is matched any more. */
  | { readonly type: 'stopper'; readonly item: Node }
  /** The whole text may be matched again. */
  | { readonly type: 'rangeClear' };

/** The text of a group again: of several, the first that has one which matches. */
export interface Backreference {
  readonly type: 'backreference';
  readonly indexes: readonly number[];
  readonly fold: boolean;
  /** Depth of calls in which the group was, counted from where the reference stands; null for the last text at all. */
  readonly level: number | null;
  /** Only asks whether the group has a text. */
  readonly checks: boolean;
}

/** The nodes that a node has within it. */
export function childrenOf(node: Node): readonly Node[] {
  return 'items' in node ? node.items : 'item' in node ? [node.item] : [];
}

/** The node with other ones within it. */
export function withChildren(node: Node, change: (node: Node) => Node): Node {
  switch (node.type) {
    case 'sequence':
    case 'choice':
      return { ...node, items: node.items.map(change) };
    case 'condition':
      return { ...node, items: [change(node.items[0]), change(node.items[1]), change(node.items[2])] };
    case 'absent':
      return { ...node, items: [change(node.items[0]), change(node.items[1])] };
    default:
      return 'item' in node ? { ...node, item: change(node.item) } : node;
  }
}

/** Whether a node, or one within it, is of a kind. */
export function someNode(node: Node, test: (node: Node) => boolean): boolean {
  return test(node) || childrenOf(node).some((child) => someNode(child, test));
}

export type RepeatMode = 'greedy' | 'lazy' | 'possessive';

/** Whose syntax: Oniguruma's (tokenizer.json) or Rust's (tiktoken), which differ in `^`, `$` and `.`. */
export type Dialect = 'oniguruma' | 'rust';
