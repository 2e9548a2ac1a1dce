import { PairTable } from './pair-table';

/** Strings by their code units, to find all prefixes of a text that are among them. */
export class Trie {
  private readonly edges: PairTable;
  private readonly values: number[] = [-1];

  constructor(expected = 0) {
    this.edges = new PairTable(expected);
  }

  /** @param value What to find under this string, at least 0. */
  add(text: string, value: number): void {
    let node = 0;
    for (let i = 0; i < text.length; i++) {
      const unit = text.charCodeAt(i);
      const at = this.edges.find(node, unit);
      if (at >= 0) node = this.edges.first(at);
      else {
        const next = this.values.push(-1) - 1;
        this.edges.set(node, unit, next);
        node = next;
      }
    }
    this.values[node] = value;
  }

  /** The node behind an edge, or -1; the root is 0. */
  step(node: number, unit: number): number {
    const at = this.edges.find(node, unit);
    return at < 0 ? -1 : this.edges.first(at);
  }

  /** The value at a node, or -1. */
  value(node: number): number {
    return this.values[node] as number;
  }
}
