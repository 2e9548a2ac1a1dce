import type { Normalizer } from '../normalizers/normalizer';
import { AlignedText } from '../text/aligned-text';
import { utf8Length } from '../text/unicode';
import { type Decoder, type TokenStream, drain, waitingStream } from './decoder';

/** Settings of `sentencePieceDecoder`. */
export interface SentencePieceDecoderOptions {
  /** The unknown piece, and what it becomes. */
  readonly unkPiece: string;
  readonly unkSurface: string;
  /** Whether pieces `<0x00>` to `<0xFF>` are bytes. */
  readonly bytes: boolean;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
  /** What the text is put through at last; default nothing. */
  readonly denormalizer?: Normalizer | null;
}

const byteToken = /^<0x([0-9A-F]{2})>$/;
const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Characters of bytes; each byte that begins none becomes U+FFFD. `whole` is false while more may come. */
function takeCharacters(bytes: readonly number[], whole: boolean): { text: string; used: number } {
  let text = '';
  let at = 0;
  while (at < bytes.length) {
    const first = bytes[at] as number;
    const size = first < 0x80 ? 1 : first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
    const have = bytes.slice(at, at + size);
    const tail = have.slice(1).every((b) => (b & 0xc0) === 0x80);
    if (size > 0 && have.length < size && tail && !whole) break;
    let char = '\ufffd';
    let used = 1;
    if (size > 0 && have.length === size && tail) {
      try {
        char = strict.decode(Uint8Array.from(have));
        used = utf8Length(char.codePointAt(0) as number);
      } catch {
        // A surrogate or an overlong form: no character.
      }
    }
    text += char;
    at += used;
  }
  return { text, used: at };
}

/** Pieces to text as SentencePiece does it: `▁` is a space, the first one goes if encoding put it there. */
export function sentencePieceDecoder(options: SentencePieceDecoderOptions): Decoder {
  const { unkPiece, unkSurface, bytes, addDummyPrefix, removeExtraWhitespaces, denormalizer = null } = options;
  const strips = addDummyPrefix || removeExtraWhitespaces;
  const open = (): TokenStream => {
    let atStart = true;
    let seen = false; // the space of the beginning, or any text
    let run: number[] = [];
    const flush = (whole: boolean): string => {
      const { text, used } = takeCharacters(run, whole);
      run = run.slice(used);
      if (text !== '') seen = true;
      return text;
    };
    return {
      push(token) {
        const byte = bytes ? byteToken.exec(token) : null;
        if (byte !== null) {
          run.push(Number.parseInt(byte[1] as string, 16));
          const text = flush(false);
          return text === '' ? [] : [text];
        }
        let text = flush(true);
        if (seen) atStart = false;
        let piece = token;
        if (piece === unkPiece) piece = unkSurface;
        else {
          if (atStart && strips && piece.startsWith('▁')) {
            piece = piece.slice(1);
            // Where runs of spaces are removed, those of the beginning all are.
            if (!removeExtraWhitespaces) seen = true;
          }
          piece = piece.replaceAll('▁', ' ');
        }
        if (piece !== '') seen = true;
        text += piece;
        return text === '' ? [] : [text];
      },
      end() {
        const text = flush(true);
        return text === '' ? [] : [text];
      },
    };
  };
  const decode = (tokens: readonly string[]) => {
    const text = drain(open(), tokens).join('');
    return [denormalizer === null ? text : denormalizer.normalize(AlignedText.untracked(text)).text];
  };
  return {
    decode,
    stream: (whole) => (whole || denormalizer !== null ? waitingStream(decode, whole) : open()),
    joins: true,
    toJSON: () => ({
      type: 'Sequence',
      decoders: [
        ...(unkSurface === unkPiece ? [] : [{ type: 'Replace', pattern: { String: unkPiece }, content: unkSurface }]),
        { type: 'Replace', pattern: { String: '▁' }, content: ' ' },
        ...(bytes ? [{ type: 'ByteFallback' }] : []),
        { type: 'Fuse' },
        ...(strips ? [{ type: 'Strip', content: ' ', start: 1, stop: 0 }] : []),
      ],
    }),
  };
}
