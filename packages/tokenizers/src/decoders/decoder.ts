/** Takes tokens as they come and gives text as soon as it is settled. */
export interface TokenStream {
  /** What this token settles; may be empty. */
  push(token: string): string[];
  /** The rest, when no token follows. */
  end(): string[];
}

/** Turns tokens back into text. A chain of decoders hands lists of strings on; the last list is joined. */
export interface Decoder {
  /** Strings whose concatenation is the text of the tokens, given as the vocabulary spells them. */
  decode(tokens: readonly string[]): string[];
  /**
   * The same, token by token.
   *
   * @param whole True if the tokens are parts of one string: a decoder before this one has joined them.
   */
  stream(whole: boolean): TokenStream;
  /** True if `stream` gives parts of one string. */
  readonly joins: boolean;
  /** Those of a sequence: a sequence around it runs them as its own. */
  readonly parts?: readonly Decoder[];
  /** The component of tokenizer.json. */
  toJSON(): Record<string, unknown>;
}

/** A stream that waits for everything: right for every decoder. */
export function waitingStream(decode: (tokens: readonly string[]) => string[], whole: boolean): TokenStream {
  const tokens: string[] = [];
  return {
    push(token) {
      tokens.push(token);
      return [];
    },
    end: () => decode(whole ? [tokens.join('')] : tokens),
  };
}

/** The whole list through a stream. */
export function drain(stream: TokenStream, tokens: readonly string[]): string[] {
  const out: string[] = [];
  for (const token of tokens) for (const made of stream.push(token)) out.push(made);
  for (const made of stream.end()) out.push(made);
  return out;
}
