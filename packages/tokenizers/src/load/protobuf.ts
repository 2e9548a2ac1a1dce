import { TokenizerError } from '../errors';

/** One field of a protobuf message: a number (varints as their low 32 bits, signed) or the bytes of a length-delimited one. */
export interface ProtoField {
  readonly number: number;
  /** Varints, and the bits of fixed 32-bit fields. */
  readonly int: number;
  /** Fixed 32-bit fields read as a float. */
  readonly float: number;
  /** Empty unless the field is length-delimited. */
  readonly bytes: Uint8Array;
}

const none = new Uint8Array(0);

function broken(place: string, at: number, expected: string): TokenizerError {
  return new TokenizerError('invalid_file', `[protobuf] ${place}, byte ${at}: expected ${expected}`);
}

/**
 * The fields of a message, in order. Every length is checked against the message's end before anything is read.
 *
 * @see https://protobuf.dev/programming-guides/encoding
 * @throws TokenizerError `invalid_file` naming the message and the byte.
 */
export function* readMessage(message: Uint8Array, place: string): Generator<ProtoField> {
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  let at = 0;
  const varint = (): number => {
    const from = at;
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw broken(place, from, 'a number that ends inside the message');
      // Bits from 32 on are dropped: only negative 32-bit numbers have any, and those are copies of the sign.
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw broken(place, from, 'a number of at most 10 bytes');
  };
  const room = (size: number, from: number) => {
    if (size < 0 || size > message.length - at)
      throw broken(
        place,
        from,
        `at most the ${message.length - at} bytes that are left, got a length of ${size >>> 0}`,
      );
  };
  while (at < message.length) {
    const from = at;
    const tag = varint();
    const number = tag >>> 3;
    if (number === 0) throw broken(place, from, 'a field number above 0');
    switch (tag & 7) {
      case 0:
        yield { number, int: varint(), float: 0, bytes: none };
        break;
      case 1:
        room(8, from);
        at += 8;
        yield { number, int: 0, float: 0, bytes: none };
        break;
      case 2: {
        const size = varint();
        room(size, from);
        yield { number, int: 0, float: 0, bytes: message.subarray(at, at + size) };
        at += size;
        break;
      }
      case 5:
        room(4, from);
        yield { number, int: view.getInt32(at, true), float: view.getFloat32(at, true), bytes: none };
        at += 4;
        break;
      default:
        throw broken(place, from, `a wire type of 0, 1, 2 or 5, got ${tag & 7}`);
    }
  }
}
