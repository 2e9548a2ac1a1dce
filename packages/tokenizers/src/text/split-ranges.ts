/**
 * What happens to the matches of a split. Of `a--b` at each `-`: `Removed` a b, `Isolated` a - - b,
 * `MergedWithPrevious` a- - b, `MergedWithNext` a - -b, `Contiguous` a -- b.
 */
export type SplitBehavior = 'Removed' | 'Isolated' | 'MergedWithPrevious' | 'MergedWithNext' | 'Contiguous';

/** Matches as start, end, start, end, … in UTF-16 units, in order and without overlap. */
export type Matches = readonly number[];

/**
 * The stretches [from, to) of a text that a split at matches leaves, none of them empty.
 *
 * @param invert What lies between the matches counts as the match.
 */
export function splitRanges(
  length: number,
  matches: Matches,
  behavior: SplitBehavior,
  invert: boolean,
): [number, number][] {
  const parts: { from: number; to: number; match: boolean }[] = [];
  let done = 0;
  for (let m = 0; m < matches.length; m += 2) {
    const from = matches[m] as number;
    const to = matches[m + 1] as number;
    if (from > done) parts.push({ from: done, to: from, match: invert });
    parts.push({ from, to, match: !invert });
    done = to;
  }
  if (done < length) parts.push({ from: done, to: length, match: invert });
  const out: [number, number][] = [];
  const join = (backwards: boolean) => {
    // A match joins its neighbour unless the neighbour is a match itself.
    let previous = false;
    for (const part of backwards ? parts.reverse() : parts) {
      const last = out[out.length - 1];
      if (part.match && !previous && last !== undefined) {
        if (backwards) last[0] = part.from;
        else last[1] = part.to;
      } else out.push([part.from, part.to]);
      previous = part.match;
    }
    if (backwards) out.reverse();
  };
  if (behavior === 'Contiguous') {
    let previous: boolean | null = null;
    for (const { from, to, match } of parts) {
      const last = out[out.length - 1];
      if (last !== undefined && match === previous) last[1] = to;
      else out.push([from, to]);
      previous = match;
    }
  } else join(behavior === 'MergedWithNext');
  return out.filter(([from, to]) => to > from);
}
