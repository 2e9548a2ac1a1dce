import type { AlignedText } from '../text/aligned-text';

/** Changes a text before it is split; remembers where everything came from. */
export interface Normalizer {
  /** The changed text, each unit with its place in the original. */
  normalize(text: AlignedText): AlignedText;
  /** Those of a sequence: a sequence around it runs them as its own. */
  readonly parts?: readonly Normalizer[];
  /** The component of tokenizer.json. */
  toJSON(): Record<string, unknown>;
}
