const encoder = new TextEncoder();

/** The piece that stands for a byte: `<0x00>` to `<0xFF>`. */
export function bytePiece(byte: number): string {
  return `<0x${byte.toString(16).toUpperCase().padStart(2, '0')}>`;
}

/** Pieces and ids of a text's UTF-8 bytes; null if the vocabulary lacks one of them. */
export function bytePieces(text: string, vocab: ReadonlyMap<string, number>): (readonly [string, number])[] | null {
  const out: (readonly [string, number])[] = [];
  for (const byte of encoder.encode(text)) {
    const piece = bytePiece(byte);
    const id = vocab.get(piece);
    if (id === undefined) return null;
    out.push([piece, id]);
  }
  return out;
}
