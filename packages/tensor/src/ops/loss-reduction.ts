import type { Tensor } from '../tensor';
import { div } from './binary';
import { wantOneOf } from './common';
import { equal } from './compare';
import { mean } from './moments';
import { sum } from './reduce';
import { where } from './select';

/** What becomes of the losses of the elements: their mean, their sum, or nothing. */
export type Reduction = 'mean' | 'none' | 'sum';

/** Throws unless `reduction` is known. */
export function wantReduction(op: string, reduction: string, others: readonly string[] = []): void {
  wantOneOf(op, 'reduction', reduction, ['mean', 'none', 'sum', ...others]);
}

/** The losses themselves, or what the reduction makes of them. */
export function reduced(op: string, losses: Tensor, reduction: Reduction): Tensor {
  wantReduction(op, reduction);
  if (reduction === 'none') return losses;
  return reduction === 'sum' ? sum(losses) : mean(losses);
}

/** The mean of `count` losses from their sum. Of none it is NaN, as PyTorch's, and its gradient 0. */
export function meanOf(total: Tensor, count: Tensor): Tensor {
  return where(equal(count, 0), Number.NaN, div(total, where(equal(count, 0), 1, count)));
}
