import type { CrossEntropyAttrs } from '../backend/contract';
import { TensorError } from '../errors';
import { wantScale, wantSoftcap } from './common';

/** Settings that the cross-entropies have in common, checked and filled in. */
export function crossEntropyAttrs(
  op: string,
  options: Partial<Pick<CrossEntropyAttrs, 'ignoreIndex' | 'labelSmoothing' | 'scale' | 'softcap' | 'temperature'>>,
): CrossEntropyAttrs {
  const { ignoreIndex = -100, labelSmoothing = 0, scale = 1, softcap = null, temperature = 1 } = options;
  if (!(labelSmoothing >= 0 && labelSmoothing <= 1)) {
    throw new TensorError('value', `[${op}] expected labelSmoothing from 0 to 1, got ${labelSmoothing}`);
  }
  // Targets are int32: a larger one would wrap to a class.
  if ((ignoreIndex | 0) !== ignoreIndex) {
    throw new TensorError('value', `[${op}] expected ignoreIndex to be an integer of 32 bits, got ${ignoreIndex}`);
  }
  if (!(temperature > 0)) throw new TensorError('value', `[${op}] expected temperature > 0, got ${temperature}`);
  wantScale(op, scale);
  wantSoftcap(op, softcap);
  return { ignoreIndex, labelSmoothing, scale, softcap, temperature };
}
