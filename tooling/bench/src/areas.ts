import type { Area } from './area';
import { attention } from './areas/attention';
import { matmul } from './areas/matmul';
import { train } from './areas/train';

/** Every area, in the order in which a whole run measures them. */
export const areas: readonly Area[] = [matmul, attention, train];
