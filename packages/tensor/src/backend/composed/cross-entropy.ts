import type { CrossEntropyAttrs, FusedKernels, LinearCrossEntropyGrads, NDArray } from '../contract';
import { logSumExp, softmax } from './rows';
import type { Steps } from './steps';
import { linear } from './transformer';

/** Rows whose logits are held at a time by the fused losses. */
const chunkRows = 64;

/** softcap(scale · logit) / temperature, and softcap's inner tanh if there is one. */
function transform(s: Steps, logits: NDArray, attrs: CrossEntropyAttrs): { z: NDArray; bent: NDArray | null } {
  const { scale, softcap, temperature } = attrs;
  const scaled = s.mul(s.cast(logits, 'float32'), scale);
  const bent = softcap === null ? null : s.unary('tanh', s.div(scaled, softcap));
  const capped = bent === null || softcap === null ? scaled : s.mul(bent, softcap);
  return { z: s.div(capped, temperature), bent };
}

/** Which rows count, (N, 1) bool, and their targets with 0 for the ignored ones, (N, 1). */
function targetsOf(s: Steps, targets: NDArray, ignoreIndex: number): { kept: NDArray; index: NDArray } {
  const column = s.view(targets, [targets.shape[0] as number, 1]);
  const kept = s.own(s.kernels.compare('ne', column, s.fill([], ignoreIndex, 'int32')));
  return { kept, index: s.where(kept, column, s.fill([], 0, 'int32')) };
}

export function crossEntropy(
  s: Steps,
  logits: NDArray,
  targets: NDArray,
  attrs: CrossEntropyAttrs,
): { losses: NDArray; lse: NDArray } {
  const [rows, classes] = logits.shape as [number, number];
  const { z } = transform(s, logits, attrs);
  const { kept, index } = targetsOf(s, targets, attrs.ignoreIndex);
  const lse = logSumExp(s, z);
  const column = s.view(lse, [rows, 1]);
  let losses = s.sub(column, s.own(s.kernels.gather(z, index, 1)));
  if (attrs.labelSmoothing > 0) {
    const even = s.div(s.reduceLast('sum', s.sub(column, z)), classes);
    losses = s.add(s.mul(losses, 1 - attrs.labelSmoothing), s.mul(even, attrs.labelSmoothing));
  }
  return { losses: s.view(s.where(kept, losses, 0), [rows]), lse };
}

export function crossEntropyGrad(
  s: Steps,
  ...args: readonly [logits: NDArray, targets: NDArray, lse: NDArray, gy: NDArray, attrs: CrossEntropyAttrs]
): NDArray {
  // The stored log-sum-exp is rounded to float32, too coarse for large logits: softmax makes it again.
  const [logits, targets, , gy, attrs] = args;
  const [rows, classes] = logits.shape as [number, number];
  const { scale, softcap, temperature, labelSmoothing } = attrs;
  const { z, bent } = transform(s, logits, attrs);
  const { kept, index } = targetsOf(s, targets, attrs.ignoreIndex);
  const share = s.fill([rows, 1], 1 - labelSmoothing);
  const wanted = s.own(s.kernels.scatterAdd([rows, classes], index, share, 1));
  let g = s.sub(softmax(s, z), labelSmoothing > 0 ? s.add(wanted, labelSmoothing / classes) : wanted);
  if (bent !== null && softcap !== null) g = s.sub(g, s.mul(g, s.unary('square', bent)));
  g = s.mul(s.mul(g, scale / temperature), s.view(s.cast(gy, 'float32'), [rows, 1]));
  return s.cast(s.where(kept, g, 0), logits.dtype);
}

export function linearCrossEntropy(
  s: Steps,
  ...args: Parameters<FusedKernels['linearCrossEntropy']>
): { losses: NDArray; lse: NDArray } {
  const [hidden, weight, bias, targets, compute, attrs] = args;
  const rows = hidden.shape[0] as number;
  if (rows === 0) return { losses: s.fill([0], 0), lse: s.fill([0], 0) };
  const losses: NDArray[] = [];
  const lse: NDArray[] = [];
  for (let from = 0; from < rows; from += chunkRows) {
    const count = Math.min(chunkRows, rows - from);
    const part = s.inner((t) => {
      const logits = linear(t, t.rows(hidden, from, count), weight, bias, compute);
      return crossEntropy(t, logits, t.rows(targets, from, count), attrs);
    });
    losses.push(part.losses);
    lse.push(part.lse);
  }
  return { losses: s.concat(losses, 0), lse: s.concat(lse, 0) };
}

export function linearCrossEntropyBoth(
  s: Steps,
  ...args: Parameters<FusedKernels['linearCrossEntropyBoth']>
): LinearCrossEntropyGrads & { losses: NDArray; lse: NDArray } {
  const [hidden, weight, bias, targets, compute, attrs, wants] = args;
  const { losses, lse } = linearCrossEntropy(s, hidden, weight, bias, targets, compute, attrs);
  const ones = s.fill(losses.shape, 1);
  const grads = linearCrossEntropyGrad(s, hidden, weight, bias, targets, lse, ones, compute, attrs, wants);
  return { losses, lse, ...grads };
}

export function linearCrossEntropyGrad(
  s: Steps,
  ...args: Parameters<FusedKernels['linearCrossEntropyGrad']>
): LinearCrossEntropyGrads {
  const [hidden, weight, bias, targets, lse, gy, compute, attrs, wants] = args;
  const rows = hidden.shape[0] as number;
  const gweight = wants.weight ? s.fill(weight.shape, 0) : null;
  const gbias = wants.bias ? s.fill([weight.shape[0] as number], 0) : null;
  const ghidden: NDArray[] = [];
  for (let from = 0; from < rows; from += chunkRows) {
    const count = Math.min(chunkRows, rows - from);
    const part = s.inner((t) => {
      const x = t.rows(hidden, from, count);
      const chunk = (y: NDArray): NDArray => t.rows(y, from, count);
      const logits = linear(t, x, weight, bias, compute);
      const g = crossEntropyGrad(t, logits, chunk(targets), chunk(lse), chunk(gy), attrs);
      if (gbias !== null) t.kernels.addInPlace(gbias, t.sumFirst(g));
      if (gweight !== null) t.kernels.addInPlace(gweight, t.matmul(g, x, 'a', compute));
      return wants.hidden ? t.matmul(g, weight, 'none', compute) : undefined;
    });
    if (part !== undefined) ghidden.push(part);
  }
  const joined = ghidden.length === 0 ? s.fill(hidden.shape, 0) : s.concat(ghidden, 0);
  return { ghidden: wants.hidden ? joined : null, gweight, gbias };
}
