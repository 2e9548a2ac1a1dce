import type { AlignedText } from '../text/aligned-text';

/** Cuts a text into words, which the model encodes one by one. */
export interface PreTokenizer {
  /** The pieces of a text, none of them empty. May change what it cuts, as ByteLevel does. */
  split(text: AlignedText): AlignedText[];
  /** Those of a sequence: a sequence around it runs them as its own. */
  readonly parts?: readonly PreTokenizer[];
  /** The component of tokenizer.json. */
  toJSON(): Record<string, unknown>;
}
