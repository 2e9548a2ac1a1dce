import { TokenizerError } from '../errors';

const leafBit = 0x100;
const valueBits = 0x7fffffff;

/**
 * Refuses maps of characters that SentencePiece refuses: a damaged one would change texts without a word. A map is the
 * size of a double array, the array (each unit a branch, or the place of a text) and texts that end with a zero.
 *
 * @throws TokenizerError `invalid_file` naming the place.
 */
export function checkCharactersMap(map: Uint8Array, place: string): void {
  const failed = (expected: string, got: string) =>
    new TokenizerError('invalid_file', `[sentencepiece] ${place}: expected ${expected}, got ${got}`);
  const view = new DataView(map.buffer, map.byteOffset, map.byteLength);
  const size = map.length < 4 ? 0 : view.getUint32(0, true);
  const texts = map.length - 4 - size;
  if (size === 0 || size % 1024 !== 0 || texts <= 0)
    throw failed('a map of characters whose array takes a multiple of 1024 bytes, and texts', `${map.length} bytes`);
  if (map[map.length - 1] !== 0) throw failed('texts that end with a zero', `${map[map.length - 1]} at the end`);
  const units = size / 4;
  const unitAt = (i: number) => view.getUint32(4 + 4 * i, true);
  const isValue = (unit: number) => unit > valueBits;
  for (let i = 0; i < units; i++) {
    const unit = unitAt(i);
    const where = `unit ${i}`;
    if (isValue(unit)) {
      if ((unit & valueBits) >= texts)
        throw failed(`places of texts below ${texts}`, `${unit & valueBits} in ${where}`);
      if (i > 0) continue;
    }
    // The root belongs to no byte.
    if (i === 0 && (isValue(unit) || (unit & 0xff) !== 0)) throw failed('a root', `0x${unit.toString(16)}`);
    const branch = i ^ ((unit >>> 10) << ((unit & 0x200) >>> 6));
    if (branch < 0 || branch >= units) throw failed(`branches below ${units}`, `${branch >>> 0} in ${where}`);
    if ((unit & leafBit) !== 0 && !isValue(unitAt(branch))) throw failed('a text for each end', `none for ${where}`);
  }
}
