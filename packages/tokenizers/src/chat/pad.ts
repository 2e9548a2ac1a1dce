import type { MarkedText } from './marked-text';
import type { Run } from './run';
import { concat, text } from './values';

/**
 * Fills up with `fill` to `width` code points.
 *
 * @param center Puts the odd one on the left where both numbers are odd, as `str.center` does and `format` doesn't.
 */
export function pad(
  run: Run,
  value: MarkedText,
  width: number,
  align: '<' | '>' | '^',
  fill = text(' '),
  center = true,
): MarkedText {
  const places = value.points();
  const missing = width - (places === null ? value.length : places.length - 1);
  if (!(missing > 0)) return value;
  run.charge(missing * fill.length);
  const filled = (count: number) => fill.derive(fill.text.repeat(count));
  const odd = center ? missing & width & 1 : 0;
  const left = align === '>' ? missing : align === '<' ? 0 : Math.floor(missing / 2) + odd;
  return concat(run, [filled(left), value, filled(missing - left)]);
}
