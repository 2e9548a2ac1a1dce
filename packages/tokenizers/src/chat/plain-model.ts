import type { AddedToken } from '../encode/added-tokens';
import type { Model, Pieces } from '../models/model';

/** Cuts inside every piece that is a special token spelled out; null if there is none. */
function cuts(pieces: Pieces, word: string, special: ReadonlyMap<number, string>): number[] | null {
  let out: number[] | null = null;
  pieces.ids.forEach((id, i) => {
    const content = special.get(id);
    const start = pieces.starts[i] as number;
    if (content === undefined || word.slice(start, pieces.ends[i]) !== content) return;
    out ??= [];
    out.push(start + ((word.codePointAt(start) as number) > 0xffff ? 2 : 1));
  });
  return out;
}

/**
 * A model that never makes a special token of ordinary text: those are often entries of its vocabulary too, and a
 * word or a path through the lattice may spell one. Such a word is cut inside the token and encoded in two.
 */
export function withoutSpecial(model: Model, tokens: readonly AddedToken[]): Model {
  const special = new Map(
    tokens
      .filter(({ id, content }) => model.vocab.get(content) === id && [...content].length > 1)
      .map((t) => [t.id, t.content]),
  );
  const tokenize = (word: string): Pieces => {
    const whole = model.tokenize(word);
    if (cuts(whole, word, special) === null) return whole;
    const [ids, shown, starts, ends]: [number[], string[], number[], number[]] = [[], [], [], []];
    // Parts of the word still to be done, the first one last.
    const todo: [number, number][] = [[0, word.length]];
    for (let next = todo.pop(); next !== undefined; next = todo.pop()) {
      const [from, to] = next;
      const part = word.slice(from, to);
      const pieces = model.tokenize(part);
      const places = cuts(pieces, part, special);
      if (places !== null) {
        const edges = [0, ...places, part.length];
        for (let i = edges.length - 1; i > 0; i--) {
          todo.push([from + (edges[i - 1] as number), from + (edges[i] as number)]);
        }
        continue;
      }
      pieces.ids.forEach((id, i) => {
        ids.push(id);
        shown.push(pieces.tokens[i] as string);
        starts.push(from + (pieces.starts[i] as number));
        ends.push(from + (pieces.ends[i] as number));
      });
    }
    return { ids, tokens: shown, starts, ends };
  };
  return {
    type: model.type,
    vocab: model.vocab,
    token: (id) => model.token(id),
    tokenize,
    segments: (word) => model.segments?.(word) ?? [word],
    toJSON: () => model.toJSON(),
  };
}
