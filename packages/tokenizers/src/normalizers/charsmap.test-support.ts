/**
 * A SentencePiece character map of a few entries, for tests: a double-array trie of the UTF-8 of the keys, whose leaves
 * lead to zero-terminated texts.
 */
export function compileCharacterMap(entries: Readonly<Record<string, string>>): Uint8Array {
  const encoder = new TextEncoder();
  const texts: number[] = [];
  interface Node {
    readonly next: Map<number, Node>;
    value: number;
  }
  const root: Node = { next: new Map(), value: -1 };
  for (const [key, text] of Object.entries(entries)) {
    let node = root;
    for (const byte of encoder.encode(key)) {
      const child = node.next.get(byte) ?? { next: new Map(), value: -1 };
      node.next.set(byte, child);
      node = child;
    }
    node.value = texts.length;
    texts.push(...encoder.encode(text), 0);
  }
  const units = new Map<number, number>([[0, 0]]);
  let base = 256;
  // Each node has its own block of 256 units; the value of a node lies at its block's place 0.
  const place = (node: Node, at: number) => {
    const block = base;
    base += 256;
    const offset = at ^ block;
    if (offset >= 1 << 21) throw new Error('too many entries for a test');
    units.set(at, ((units.get(at) ?? 0) | (offset << 10) | (node.value >= 0 ? 0x100 : 0)) >>> 0);
    if (node.value >= 0) units.set(block, (node.value | 0x80000000) >>> 0);
    for (const [byte, child] of node.next) {
      units.set(block ^ byte, byte);
      place(child, block ^ byte);
    }
  };
  place(root, 0);
  const size = base * 4;
  const out = new Uint8Array(4 + size + texts.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, size, true);
  for (const [at, unit] of units) view.setUint32(4 + 4 * at, unit, true);
  out.set(texts, 4 + size);
  return out;
}
