import { Trie } from '../models/trie';
import type { AlignedText } from '../text/aligned-text';
import { checkGrowth, mostUnits } from '../text/growth';
import { unitsAt, utf8Length } from '../text/unicode';
import type { Normalizer } from './normalizer';
import { CharacterMap, toBase64 } from './precompiled';

/** Settings of SentencePiece's normalisation; the names are those of its `NormalizerSpec` in camelCase. */
export interface SentencePieceNormalizerOptions {
  /** A compiled map of characters; empty for none. */
  readonly charactersMap?: Uint8Array;
  /** A space before the text (behind it with `treatWhitespaceAsSuffix`). Default true. */
  readonly addDummyPrefix?: boolean;
  /** Runs of spaces become one, those at the ends vanish. Default true. */
  readonly removeExtraWhitespaces?: boolean;
  /** Spaces are written `▁`. Default true. */
  readonly escapeWhitespaces?: boolean;
  /** Default false. */
  readonly treatWhitespaceAsSuffix?: boolean;
  /** Texts that stay as they are. */
  readonly userDefined?: readonly string[];
}

const encoder = new TextEncoder();

/**
 * SentencePiece's own normalisation: at each place the longest entry of the map, then the rules for spaces. Hugging
 * Face's `Precompiled` looks up grapheme clusters instead; `toJSON` gives the nearest that their library has.
 *
 * @see Kudo and Richardson 2018, "SentencePiece".
 */
export class SentencePieceNormalizer implements Normalizer {
  private readonly map: CharacterMap | null;
  private readonly userDefined: Trie | null;
  private readonly prefix: boolean;
  private readonly remove: boolean;
  private readonly suffix: boolean;
  private readonly space: string;

  /** @throws TokenizerError `invalid_file` for a malformed map. */
  constructor(private readonly options: SentencePieceNormalizerOptions = {}) {
    const { charactersMap, userDefined = [] } = options;
    this.map =
      charactersMap && charactersMap.length > 0 ? new CharacterMap(charactersMap, 'precompiled_charsmap') : null;
    this.userDefined = userDefined.length > 0 ? new Trie() : null;
    userDefined.forEach((text, i) => this.userDefined?.add(text, i));
    this.prefix = options.addDummyPrefix ?? true;
    this.remove = options.removeExtraWhitespaces ?? true;
    this.suffix = options.treatWhitespaceAsSuffix ?? false;
    this.space = (options.escapeWhitespaces ?? true) ? '▁' : ' ';
  }

  normalize(text: AlignedText): AlignedText {
    const source = text.text;
    if (source === '') return text;
    const texts: string[] = [];
    const bounds: number[] = [];
    const put = (made: string, from: number, to: number) => {
      texts.push(made);
      bounds.push(from, to);
    };
    const { space, remove } = this;
    const most = mostUnits(source.length);
    // With `remove`, spaces at the beginning are as those behind a space.
    let afterSpace = remove;
    let blank = true;
    this.steps(source, (made, from, to) => {
      if (made !== ' ') blank = false;
      const kept = afterSpace ? made.replace(/^ +/, '') : made;
      if (kept === '') return;
      checkGrowth('precompiled_charsmap', texts.length + kept.length, most);
      if (texts.length === 0 && this.prefix && !this.suffix) put(space, from, to);
      for (const char of kept) put(char === ' ' ? space : char, from, to);
      afterSpace = remove && kept.endsWith(' ');
    });
    // A text of which nothing is left still has its space.
    if (texts.length === 0 && this.prefix && !this.suffix && !remove) put(space, 0, source.length);
    if (remove) {
      while (texts.length > 0 && texts[texts.length - 1] === space) {
        texts.pop();
        bounds.length -= 2;
      }
    }
    // The space behind a text is put last: only a text of nothing but spaces has none.
    if (this.prefix && this.suffix && !(remove && blank))
      put(space, bounds.at(-2) ?? 0, bounds.at(-1) ?? source.length);
    return text.assemble(texts, bounds);
  }

  /** Gives what each stretch of the source becomes. */
  private steps(source: string, visit: (made: string, from: number, to: number) => void): void {
    const { map, userDefined } = this;
    const bytes = map === null ? null : encoder.encode(source);
    let byte = 0;
    for (let at = 0; at < source.length; ) {
      let end = userDefined === null ? at : longestMatch(userDefined, source, at);
      let made: string | null = null;
      if (end === at && map !== null && bytes !== null) {
        const found = map.longest(bytes, byte);
        if (found !== null) {
          made = found.text;
          for (let left = found.size; left > 0 && end < source.length; end += unitsAt(source, end))
            left -= utf8Length(source.codePointAt(end) as number);
        }
      }
      if (end === at) end += unitsAt(source, at);
      if (bytes !== null)
        for (let i = at; i < end; i += unitsAt(source, i)) byte += utf8Length(source.codePointAt(i) as number);
      visit(made ?? source.slice(at, end), at, end);
      at = end;
    }
  }

  toJSON(): Record<string, unknown> {
    const { charactersMap } = this.options;
    const parts: Record<string, unknown>[] = [];
    if (charactersMap && charactersMap.length > 0)
      parts.push({ type: 'Precompiled', precompiled_charsmap: toBase64(charactersMap) });
    if (this.remove) {
      parts.push({ type: 'Strip', strip_left: true, strip_right: true });
      parts.push({ type: 'Replace', pattern: { Regex: ' {2,}' }, content: ' ' });
    }
    if (this.prefix) {
      if (this.suffix) parts.push({ type: 'Replace', pattern: { Regex: '(?<=[\\S\\s])\\z' }, content: ' ' });
      else parts.push({ type: 'Prepend', prepend: ' ' });
    }
    if (this.space !== ' ') parts.push({ type: 'Replace', pattern: { String: ' ' }, content: this.space });
    return { type: 'Sequence', normalizers: parts };
  }
}

/** The end of the longest string of a trie that begins at a place, or the place. */
export function longestMatch(trie: Trie, text: string, from: number): number {
  let end = from;
  for (let node = 0, at = from; at < text.length; ) {
    node = trie.step(node, text.charCodeAt(at++));
    if (node < 0) break;
    if (trie.value(node) >= 0) end = at;
  }
  return end;
}
