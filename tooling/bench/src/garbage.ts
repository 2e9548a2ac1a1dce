import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

setFlagsFromString('--expose-gc');
const collect: unknown = runInNewContext('gc');

/** Collects garbage now, so that what is measured next does not share its cores with collecting what came before. */
export function collectGarbage(): void {
  if (typeof collect === 'function') collect();
}
