import type { Decoder, TokenStream } from './decoders/decoder';
import { checkIds } from './encode/arguments';

/** Settings of decoding. */
export interface DecodeOptions {
  /** Leave out special tokens; default true. */
  readonly skipSpecialTokens?: boolean;
}

/** Without a decoder, tokens are joined by spaces. */
function spaced(): TokenStream {
  let first = true;
  return {
    push(token) {
      const out = first ? token : ` ${token}`;
      first = false;
      return [out];
    },
    end: () => [],
  };
}

/**
 * Turns ids into text as they come: what is not settled yet, such as half a character, waits for the rest. What `push`
 * and `flush` give is together what `decode` gives of all ids. Made by `Tokenizer.decodeStream`.
 *
 * @example
 * ```ts
 * import { trainBpe } from '@tessera-llm/tokenizers';
 * const tokenizer = await trainBpe(['some text'], { vocabSize: 256 });
 * const stream = tokenizer.decodeStream();
 * const [first, ...rest] = tokenizer.encodeIds('€'); // three bytes
 * console.log(stream.push(first!)); // ''
 * console.log(stream.push(rest)); // '€'
 * console.log(stream.flush()); // ''
 * ```
 */
export class DecodeStream {
  private stream: TokenStream;

  /** @internal */
  constructor(
    private readonly tokenOf: (id: number) => string | null,
    private readonly decoder: Decoder | null,
  ) {
    this.stream = this.open();
  }

  private open(): TokenStream {
    return this.decoder?.stream(false) ?? spaced();
  }

  /**
   * The text that this id, or these, settle; may be empty.
   *
   * @throws TokenizerError `invalid_argument` for an id outside the vocabulary: the stream then is as if none of them
   * had come.
   */
  push(ids: number | Iterable<number>): string {
    if (typeof ids !== 'number') checkIds(ids);
    const tokens = typeof ids === 'number' ? [this.tokenOf(ids)] : Array.from(ids, this.tokenOf);
    let text = '';
    for (const token of tokens) if (token !== null) text += this.stream.push(token).join('');
    return text;
  }

  /** The rest, with U+FFFD for a character left unfinished. The stream then begins anew. */
  flush(): string {
    const text = this.stream.end().join('');
    this.stream = this.open();
    return text;
  }
}
