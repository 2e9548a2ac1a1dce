import { isRecord } from '../config';
import { fromBase64 } from '../normalizers/precompiled';
import type { TokenizerParts } from '../options';

/** SentencePiece's rules for spaces, and its map of characters. */
export interface SpaceRules {
  readonly charactersMap: Uint8Array | null;
  readonly addDummyPrefix: boolean;
  readonly removeExtraWhitespaces: boolean;
}

type Component = Readonly<Record<string, unknown>>;

/** The components of a sequence, or the one that there is. */
function steps(component: Component | undefined, key: string): Component[] {
  if (component === undefined) return [];
  const inner: unknown = component[key];
  return component.type === 'Sequence' && Array.isArray(inner) ? inner.filter(isRecord) : [component];
}

/** What a step does, as a short word; null for one that SentencePiece does not have. */
function kindOf(
  step: Component,
): 'map' | 'strip' | 'merge' | 'prefix' | 'marks' | 'words' | 'metaspace' | 'nothing' | null {
  const pattern = isRecord(step.pattern) ? step.pattern : {};
  switch (step.type) {
    case 'Precompiled':
      return 'map';
    case 'Strip':
      return step.strip_left === true && step.strip_right === true ? 'strip' : null;
    case 'Prepend':
      return step.prepend === '▁' || step.prepend === ' ' ? 'prefix' : null;
    case 'Replace':
      if (pattern.String === ' ' && step.content === '▁') return 'marks';
      return pattern.Regex === ' {2,}' && (step.content === ' ' || step.content === '▁') ? 'merge' : null;
    case 'WhitespaceSplit':
      return 'words';
    case 'Metaspace':
      return step.replacement === '▁' ? 'metaspace' : null;
    case 'Split':
      // Spaces are marks by then: it never matches.
      return pattern.String === ' ' ? 'nothing' : null;
    default:
      return null;
  }
}

/** The rules that a normaliser and a pre-tokenizer amount to, or null if they do anything else. */
export function spaceRules({ normalizer, preTokenizer }: TokenizerParts): SpaceRules | null {
  const all = [...steps(normalizer?.toJSON(), 'normalizers'), ...steps(preTokenizer?.toJSON(), 'pretokenizers')];
  const kinds = all.map(kindOf);
  if (kinds.includes(null)) return null;
  const has = (kind: (typeof kinds)[number]) => kinds.includes(kind);
  if (!has('marks') && !has('metaspace')) return null;
  const metaspace = all.find(({ type }) => type === 'Metaspace');
  const map = all.find(({ type }) => type === 'Precompiled')?.precompiled_charsmap;
  return {
    charactersMap: typeof map === 'string' && map !== '' ? fromBase64(map, 'precompiled_charsmap') : null,
    addDummyPrefix: has('prefix') || (metaspace !== undefined && metaspace.prepend_scheme !== 'never'),
    removeExtraWhitespaces: has('words') || (has('strip') && has('merge')),
  };
}
