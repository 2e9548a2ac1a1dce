import { byteToChar } from '../text/byte-alphabet';
import { WordTable } from './word-table';

/** No vocabulary has longer tokens than this, in bytes; longer words are never looked up whole. */
export const longestToken = 4096;

/** Calls `take` with the bytes of each token that a text may become; the array is used again. */
export function eachToken(
  vocab: ReadonlyMap<string, number>,
  take: (bytes: Uint8Array, length: number, id: number) => void,
) {
  const byteOf = new Int16Array(1 << 16).fill(-1);
  for (let b = 0; b < 256; b++) byteOf[byteToChar(b).charCodeAt(0)] = b;
  let bytes = new Uint8Array(longestToken + 16);
  next: for (const [token, id] of vocab) {
    const { length } = token;
    if (length === 0) continue;
    if (length + 16 > bytes.length) bytes = new Uint8Array(2 * length);
    for (let i = 0; i < length; i++) {
      const byte = byteOf[token.charCodeAt(i)] as number;
      if (byte < 0) continue next;
      bytes[i] = byte;
    }
    take(bytes, length, id);
  }
}

/** Tokens as bytes → ids. */
export function tableOf(vocab: ReadonlyMap<string, number>): WordTable {
  const table = new WordTable(Number.POSITIVE_INFINITY, vocab.size);
  eachToken(vocab, (bytes, length, id) => {
    if (length > longestToken) return;
    const view = new DataView(bytes.buffer);
    if (table.find(view, 0, length) < 0) table.insert(view, 0, length, id);
  });
  return table;
}
