import { charToByte } from '../text/byte-alphabet';
import { type Decoder, type TokenStream, drain, waitingStream } from './decoder';

const encoder = new TextEncoder();

/** The bytes of a token in the byte alphabet; a token outside it stands for its own UTF-8. */
export function tokenBytes(token: string): Uint8Array {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i++) {
    const byte = charToByte(token[i] as string);
    if (byte === undefined) return encoder.encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

/** Tokens of the byte alphabet to text; invalid UTF-8 becomes one U+FFFD for each maximal invalid part. */
export function byteLevelDecoder(
  json: Record<string, unknown> = { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
): Decoder {
  const open = (): TokenStream => {
    const utf8 = new TextDecoder('utf-8', { ignoreBOM: true });
    const some = (text: string) => (text === '' ? [] : [text]);
    return {
      push: (token) => some(utf8.decode(tokenBytes(token), { stream: true })),
      end: () => some(utf8.decode()),
    };
  };
  const decode = (tokens: readonly string[]) => [drain(open(), tokens).join('')];
  return { decode, stream: (whole) => (whole ? waitingStream(decode, true) : open()), joins: true, toJSON: () => json };
}

/** As Rust reads a byte, with a sign too. */
const byteToken = /^<0x([0-9A-Fa-f]{2}|\+[0-9A-Fa-f])>$/;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Runs of `<0x00>` to `<0xFF>` to text; a run that is no UTF-8 becomes one U+FFFD for each byte. */
export function byteFallbackDecoder(): Decoder {
  const open = (): TokenStream => {
    let run: number[] = [];
    const flush = (): string[] => {
      if (run.length === 0) return [];
      const bytes = Uint8Array.from(run);
      run = [];
      try {
        return [strict.decode(bytes)];
      } catch {
        return Array.from(bytes, () => '\ufffd');
      }
    };
    return {
      push(token) {
        const byte = byteToken.exec(token);
        if (byte === null) return [...flush(), token];
        run.push(Number.parseInt(byte[1] as string, 16));
        return [];
      },
      end: flush,
    };
  };
  const decode = (tokens: readonly string[]) => drain(open(), tokens);
  return {
    decode,
    stream: (whole) => (whole ? waitingStream(decode, true) : open()),
    joins: false,
    toJSON: () => ({ type: 'ByteFallback' }),
  };
}
