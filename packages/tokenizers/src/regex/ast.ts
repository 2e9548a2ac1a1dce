/** A zero-width test. `line…` are Oniguruma's `^` and `$`, which know lines without any flag. */
export type Anchor =
  | 'lineStart'
  | 'lineEnd'
  | 'textStart'
  | 'textEnd'
  | 'lastLineEnd'
  /** Where the search for this match began. */
  | 'searchStart'
  /** Between two grapheme clusters, and within one. */
  | 'clusterEdge'
  | 'withinCluster'
  | 'word'
  | 'notWord'
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
  /** The match begins here, whatever was matched before. */
  | { readonly type: 'keep' }
  | { readonly type: 'backreference'; readonly index: number; readonly fold: boolean };

export type RepeatMode = 'greedy' | 'lazy' | 'possessive';

/** Whose syntax: Oniguruma's (tokenizer.json) or Rust's (tiktoken), which differ in `^`, `$` and `.`. */
export type Dialect = 'oniguruma' | 'rust';
