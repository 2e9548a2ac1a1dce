/** Turns ids into text as they come: bytes of an unfinished character wait for the rest. */
export class DecodeStream {
  private readonly decoder = new TextDecoder('utf-8', { ignoreBOM: true });

  /** @internal */
  constructor(private readonly bytesOf: (id: number) => Uint8Array) {}

  /** The text that this id completes; may be empty. */
  push(id: number): string {
    return this.decoder.decode(this.bytesOf(id), { stream: true });
  }

  /** The rest: U+FFFD if a character was left unfinished. */
  flush(): string {
    return this.decoder.decode();
  }
}
