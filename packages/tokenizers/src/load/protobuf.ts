import { TokenizerError } from '../errors';

/** One field of a protobuf message: a number (varints as their low 32 bits, signed) or the bytes of a length-delimited one. */
export interface ProtoField {
  readonly number: number;
  /** How the value is written: 0 a varint, 1 64 bits, 2 a length and bytes, 5 32 bits. */
  readonly wire: 0 | 1 | 2 | 5;
  /** Varints, and the bits of fixed 32-bit fields. */
  readonly int: number;
  /** Fixed 32-bit fields read as a float. */
  readonly float: number;
  /** Empty unless the field is length-delimited. */
  readonly bytes: Uint8Array;
}

const none = new Uint8Array(0);

const wireNames = { 0: 'a varint', 1: '64 bits', 2: 'a length and bytes', 5: '32 bits' } as const;

/** @throws TokenizerError `invalid_file` unless the field is written in the way that its type wants. */
function checkWire(field: ProtoField, wire: ProtoField['wire'], place: string): void {
  if (field.wire === wire) return;
  throw new TokenizerError(
    'invalid_file',
    `[protobuf] ${place}: expected ${wireNames[wire]} (wire type ${wire}), got ${wireNames[field.wire]}`,
  );
}

/** The whole number, or yes or no, that a field holds. @throws TokenizerError `invalid_file` for another wire type. */
export function intOf(field: ProtoField, place: string): number {
  checkWire(field, 0, place);
  return field.int;
}

/** @throws TokenizerError `invalid_file` for another wire type. */
export function floatOf(field: ProtoField, place: string): number {
  checkWire(field, 5, place);
  return field.float;
}

/** Bytes of a text or of a message. @throws TokenizerError `invalid_file` for another wire type. */
export function bytesOf(field: ProtoField, place: string): Uint8Array {
  checkWire(field, 2, place);
  return field.bytes;
}

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
  /** Whether the last number had more than 32 bits. */
  let large = false;
  const varint = (): number => {
    const from = at;
    let value = 0;
    large = false;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = message[at++];
      if (byte === undefined) throw broken(place, from, 'a number that ends inside the message');
      // Bits from 32 on are dropped: of the values read here, negative ones have them, as copies of the sign.
      if (shift < 32) value |= (byte & 0x7f) << shift;
      if (shift >= 28 && (byte & 0x7f) >>> (shift === 28 ? 4 : 0) > 0) large = true;
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
    if (large) throw broken(place, from, 'a tag of at most 32 bits');
    switch (tag & 7) {
      case 0:
        yield { number, wire: 0, int: varint(), float: 0, bytes: none };
        break;
      case 1:
        room(8, from);
        at += 8;
        yield { number, wire: 1, int: 0, float: 0, bytes: none };
        break;
      case 2: {
        const size = varint();
        if (large) throw broken(place, from, 'a length of at most 32 bits');
        room(size, from);
        yield { number, wire: 2, int: 0, float: 0, bytes: message.subarray(at, at + size) };
        at += size;
        break;
      }
      case 5:
        room(4, from);
        yield { number, wire: 5, int: view.getInt32(at, true), float: view.getFloat32(at, true), bytes: none };
        at += 4;
        break;
      default:
        throw broken(place, from, `a wire type of 0, 1, 2 or 5, got ${tag & 7}`);
    }
  }
}
