/**
 * A duration as people read it: `8s`, `2m 05s`, `1h 03m`.
 *
 * @param seconds Anything not finite or negative gives `?`.
 *
 * @example
 * ```ts
 * import { formatDuration } from '@tessera-llm/training';
 * console.log(formatDuration(125)); // 2m 05s
 * ```
 */
export function formatDuration(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds < 0) return '?';
  const whole = Math.round(seconds);
  const two = (n: number) => String(n).padStart(2, '0');
  if (whole < 60) return `${whole}s`;
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${two(whole % 60)}s`;
  return `${Math.floor(whole / 3600)}h ${two(Math.floor((whole % 3600) / 60))}m`;
}

/**
 * A count in three digits: `950`, `12.3k`, `4.56M`, `7.00G`; below 1,000 rounded to a whole number.
 *
 * @example
 * ```ts
 * import { formatCount } from '@tessera-llm/training';
 * console.log(formatCount(12_345)); // 12.3k
 * ```
 */
export function formatCount(n: number): string {
  for (const [unit, letter] of [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const) {
    // 999,500 rounds to 1.00M, not to 1000k.
    if (Math.abs(n) >= unit * 0.9995) {
      const scaled = n / unit;
      return `${scaled.toFixed(Math.abs(scaled) < 9.995 ? 2 : Math.abs(scaled) < 99.95 ? 1 : 0)}${letter}`;
    }
  }
  return String(Math.round(n));
}
