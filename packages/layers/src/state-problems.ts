/**
 * What is wrong with a state of these shapes for weights of those, in up to three sentences (missing keys, unexpected
 * keys, wrong shapes) of eight names each; empty: nothing.
 *
 * @param expected Shape of every weight by key.
 * @param got Shape of every tensor by key.
 *
 * @example
 * ```ts
 * import { stateProblems } from '@tessera-llm/layers';
 * const [expected, got] = [new Map([['w', [2, 3]]]), new Map([['w', [3, 2]]])];
 * console.log(stateProblems(expected, got)); // ['wrong shapes: w: expected (2, 3), got (3, 2)']
 * ```
 */
export function stateProblems(
  expected: ReadonlyMap<string, readonly number[]>,
  got: ReadonlyMap<string, readonly number[]>,
): string[] {
  const missing = [...expected.keys()].filter((key) => !got.has(key));
  const unexpected = [...got.keys()].filter((key) => !expected.has(key));
  const wrong: string[] = [];
  for (const [key, want] of expected) {
    const shape = got.get(key);
    if (shape !== undefined && `${shape}` !== `${want}`) {
      wrong.push(`${key}: expected (${want.join(', ')}), got (${shape.join(', ')})`);
    }
  }
  return [
    missing.length > 0 ? `missing keys: ${list(missing)}` : '',
    unexpected.length > 0 ? `unexpected keys: ${list(unexpected)}` : '',
    wrong.length > 0 ? `wrong shapes: ${list(wrong)}` : '',
  ].filter((problem) => problem !== '');
}

/** At most eight names, so that a checkpoint of another model doesn't fill the screen. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
