import { checkCount } from './errors';

const blocks = '▁▂▃▄▅▆▇█';

/**
 * A curve of one line of text: each character is the mean of an equal share of the values, from the lowest (▁) to the
 * highest (█) of those means. Values that are not finite show as `·` and don't count.
 *
 * @param values In order; fewer than `width` give fewer characters.
 * @param width Most characters of the result; default 24.
 * @throws TrainingError `value` for a width that is no whole number above 0.
 *
 * @example
 * ```ts
 * import { sparkline } from '@tessera-llm/training';
 * console.log(sparkline([8, 6, 5, 4, 3.5, 3.2, 3.1])); // █▅▄▂▂▁▁
 * ```
 */
export function sparkline(values: readonly number[], width = 24): string {
  checkCount('sparkline', 'width', width);
  const count = Math.min(width, values.length);
  const means = Array.from({ length: count }, (_, i) => {
    const from = Math.floor((i * values.length) / count);
    const to = Math.floor(((i + 1) * values.length) / count);
    const finite = values.slice(from, to).filter(Number.isFinite);
    return finite.reduce((sum, v) => sum + v, 0) / finite.length; // NaN if there is none
  });
  const known = means.filter(Number.isFinite);
  const low = Math.min(...known);
  const high = Math.max(...known);
  const span = high - low;
  return means
    .map((v) => {
      if (!Number.isFinite(v)) return '·';
      const level = span > 0 ? Math.round(((v - low) / span) * (blocks.length - 1)) : 0;
      return blocks.charAt(level);
    })
    .join('');
}
