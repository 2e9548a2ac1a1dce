import type { AddedToken } from '../encode/added-tokens';
import { bytePieces } from '../models/byte-pieces';
import type { Model, Pieces } from '../models/model';
import { charToByte } from '../text/byte-alphabet';
import { unitsAt } from '../text/unicode';
import type { Tokenizer } from '../tokenizer';

const isCharacter = (text: string) => text.length === unitsAt(text, 0);

/**
 * Special tokens that the model itself could make of ordinary text. Those are left out that ordinary text can't do
 * without, so that messages do bring them in: of one character in which every text is spelled, a symbol of ByteLevel's
 * alphabet, which is the only spelling of a byte, or the `▁` that stands for a space.
 */
export function closable({ parts, specialTokens }: Tokenizer): readonly AddedToken[] {
  const { model, preTokenizer, normalizer } = parts;
  const spelled = specialTokens.filter(({ id, content }) => model.vocab.get(content) === id);
  if (!spelled.some(({ content }) => isCharacter(content))) return spelled;
  const components = JSON.stringify([preTokenizer?.toJSON(), normalizer?.toJSON()]);
  const bytes = components.includes('"type":"ByteLevel"');
  return spelled.filter(({ content }) => content !== '▁' && !(bytes && charToByte(content) !== undefined));
}

/** Cuts around or inside every piece that is a special token spelled out; null if there is none. */
function cuts(pieces: Pieces, word: string, special: ReadonlyMap<number, string>): number[] | null {
  let out: number[] | null = null;
  pieces.ids.forEach((id, i) => {
    const content = special.get(id);
    const start = pieces.starts[i] as number;
    if (content === undefined || word.slice(start, pieces.ends[i]) !== content) return;
    out ??= [];
    if (isCharacter(content)) out.push(start);
    out.push(start + unitsAt(word, start));
  });
  return out;
}

/** A noncharacter, which is in no vocabulary. */
const stranger = '\u{10ffff}';

/** What the model would make of a character if it had no token: its bytes, the unknown token, or nothing at all. */
function asUnknown(model: Model, char: string): readonly (readonly [token: string, id: number])[] {
  const { ids, tokens } = model.tokenize(stranger);
  const fallsBack = bytePieces(stranger, model.vocab)?.every(([, id], i) => id === ids[i]);
  const bytes = fallsBack ? bytePieces(char, model.vocab) : null;
  return bytes ?? ids.map((id, i) => [tokens[i] as string, id] as const);
}

/**
 * A model that never makes a special token of ordinary text: those are often entries of its vocabulary too, and a
 * word or a path through the lattice may spell one. Such a word is cut inside the token and encoded in two; a token of
 * one character is taken for a character that the model doesn't know.
 */
export function withoutSpecial(model: Model, tokens: readonly AddedToken[]): Model {
  const special = new Map(tokens.map((t) => [t.id, t.content]));
  const tokenize = (word: string): Pieces => {
    const whole = model.tokenize(word);
    if (cuts(whole, word, special) === null) return whole;
    const [ids, shown, starts, ends]: [number[], string[], number[], number[]] = [[], [], [], []];
    const add = (id: number, token: string, start: number, end: number) => {
      ids.push(id);
      shown.push(token);
      starts.push(start);
      ends.push(end);
    };
    // Parts of the word still to be done, the first one last.
    const todo: [number, number][] = [[0, word.length]];
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const [from, to] = next;
      const part = word.slice(from, to);
      const pieces = model.tokenize(part);
      const places = cuts(pieces, part, special);
      if (places === null) {
        pieces.ids.forEach((id, i) => {
          const [start, end] = [pieces.starts[i] as number, pieces.ends[i] as number];
          add(id, pieces.tokens[i] as string, from + start, from + end);
        });
      } else if (isCharacter(part)) {
        for (const [token, id] of asUnknown(model, part)) add(id, token, from, to);
      } else {
        const edges = [...new Set([0, ...places, part.length])];
        for (let i = edges.length - 1; i > 0; i--) {
          todo.push([from + (edges[i - 1] as number), from + (edges[i] as number)]);
        }
      }
    }
    return { ids, tokens: shown, starts, ends };
  };
  return {
    type: model.type,
    random: model.random ?? false,
    vocab: model.vocab,
    token: (id) => model.token(id),
    tokenize,
    segments: (word) => model.segments?.(word) ?? [word],
    toJSON: () => model.toJSON(),
  };
}
