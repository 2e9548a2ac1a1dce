import { type Reader, malformed, readVocab } from '../config';
import { Bpe } from './bpe';

/** Merges as `["a", "b"]`, or as `"a b"` of files before tokenizers 0.20. */
export function readMerges(list: readonly unknown[], place: string): (readonly [string, string])[] {
  return list.flatMap((item, i): (readonly [string, string])[] => {
    if (typeof item === 'string') {
      // The head of merges.txt, which old files have here too.
      if (item.startsWith('#version')) return [];
      const parts = item.split(' ');
      if (parts.length === 2 && parts[0] && parts[1]) return [[parts[0], parts[1]]];
    } else if (Array.isArray(item) && item.length === 2) {
      const [left, right]: unknown[] = item;
      if (typeof left === 'string' && typeof right === 'string') return [[left, right]];
    }
    throw malformed(`${place}[${i}]`, 'two tokens', item);
  });
}

export function readBpe(config: Reader): Bpe {
  const dropout = config.get('dropout') ?? null;
  if (dropout !== null && typeof dropout !== 'number')
    throw malformed(config.at('dropout'), 'a number or null', dropout);
  return new Bpe({
    vocab: readVocab(config.get('vocab'), config.at('vocab')),
    merges: readMerges(config.list('merges'), config.at('merges')),
    dropout,
    unkToken: config.optionalString('unk_token'),
    continuingSubwordPrefix: config.optionalString('continuing_subword_prefix'),
    endOfWordSuffix: config.optionalString('end_of_word_suffix'),
    fuseUnk: config.boolean('fuse_unk', false),
    byteFallback: config.boolean('byte_fallback', false),
    ignoreMerges: config.boolean('ignore_merges', false),
  });
}
