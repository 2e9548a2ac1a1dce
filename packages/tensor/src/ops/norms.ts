import { record } from '../tape';
import { TensorError } from '../errors';
import { showShape, sizeOf } from '../shape';
import type { Tensor } from '../tensor';
import { add, mul } from './binary';
import { kernelsFor, like, wantFloat, wantVector } from './common';
import { reshape } from './view';

function rowsOf(op: string, x: Tensor): Tensor {
  wantFloat(op, x);
  if (x.rank === 0) throw new TensorError('shape', `[${op}] expected at least one axis, got a scalar`);
  return reshape(x, [sizeOf(x.shape.slice(0, -1)), x.shape[x.rank - 1] as number]);
}

function present(...xs: readonly (Tensor | null)[]): Tensor[] {
  return xs.filter((x) => x !== null);
}

function wantEps(op: string, eps: number): void {
  if (eps >= 0 && Number.isFinite(eps)) return;
  throw new TensorError('value', `[${op}] expected a finite eps of 0 or more, got ${eps}`);
}

/**
 * (x - mean) / √(variance + eps) · weight + bias over the last axis of x (…, C), with the biased variance; in x's float
 * dtype.
 *
 * @param options.weight (C) or none; `bias` (C) or none; `eps` default 1e-5, PyTorch's.
 * @throws TensorError `dtype` unless x, weight and bias hold floats, `shape`.
 * @see Ba et al. 2016, "Layer normalization".
 *
 * @example
 * ```ts
 * import { layerNorm, tensor } from '@tessera-llm/tensor';
 * const y = layerNorm(tensor([[1, 3]]), { eps: 0 });
 * console.log(await y.data()); // [-1, 1]
 * ```
 */
export function layerNorm(
  x: Tensor,
  options: { readonly weight?: Tensor | null; readonly bias?: Tensor | null; readonly eps?: number } = {},
): Tensor {
  const { weight = null, bias = null, eps = 1e-5 } = options;
  wantEps('layerNorm', eps);
  const rows = rowsOf('layerNorm', x);
  const width = rows.shape[1] as number;
  if (weight !== null) wantVector('layerNorm', weight, 'weight', width);
  if (bias !== null) wantVector('layerNorm', bias, 'bias', width);
  const inputs = present(rows, weight, bias);
  const r = kernelsFor('layerNorm', ...inputs).layerNorm(rows, weight, bias, eps);
  const y = like(x, r.y);
  const mean = like(x, r.mean);
  const rstd = like(x, r.rstd);
  record('layerNorm', [y], inputs, present(rows, weight, mean, rstd), ([gy], needs) => {
    const wants = {
      weight: weight !== null && needs[1] === true,
      bias: bias !== null && needs[needs.length - 1] === true,
    };
    const g = kernelsFor('layerNorm', gy as Tensor).layerNormGrad(rows, weight, mean, rstd, gy as Tensor, wants);
    const grads: (Tensor | null)[] = [like(x, g.gx)];
    if (weight !== null) grads.push(g.gweight && like(x, g.gweight));
    if (bias !== null) grads.push(g.gbias && like(x, g.gbias));
    return grads;
  });
  return x.rank === 2 ? y : reshape(y, x.shape);
}

/**
 * x / √(mean(x²) + eps) · (offset + weight) over the last axis of x (…, C), in x's float dtype.
 *
 * @param options.weight (C) or none; `eps` default 1e-6, Llama's; `offset` default 0, Gemma's is 1.
 * @throws TensorError `dtype` unless x and weight hold floats, `shape`.
 * @see Zhang and Sennrich 2019, "Root mean square layer normalization".
 *
 * @example
 * ```ts
 * import { rmsNorm, tensor } from '@tessera-llm/tensor';
 * console.log(await rmsNorm(tensor([[3, 3]]), { eps: 0 }).data()); // [1, 1]
 * ```
 */
export function rmsNorm(
  x: Tensor,
  options: { readonly weight?: Tensor | null; readonly eps?: number; readonly offset?: number } = {},
): Tensor {
  const { weight = null, eps = 1e-6, offset = 0 } = options;
  wantEps('rmsNorm', eps);
  const rows = rowsOf('rmsNorm', x);
  if (weight !== null) wantVector('rmsNorm', weight, 'weight', rows.shape[1] as number);
  const inputs = present(rows, weight);
  const r = kernelsFor('rmsNorm', ...inputs).rmsNorm(rows, weight, eps, offset);
  const y = like(x, r.y);
  const rstd = like(x, r.rstd);
  record('rmsNorm', [y], inputs, present(rows, weight, rstd), ([gy], needs) => {
    const wantsWeight = weight !== null && needs[1] === true;
    const g = kernelsFor('rmsNorm', gy as Tensor).rmsNormGrad(rows, weight, rstd, gy as Tensor, offset, wantsWeight);
    return weight === null ? [like(x, g.gx)] : [like(x, g.gx), g.gweight && like(x, g.gweight)];
  });
  return x.rank === 2 ? y : reshape(y, x.shape);
}

/**
 * Layer normalisation over groups of channels: x (N, C, …) of a float dtype, C cut into `groups`; each group of each
 * sample gets mean 0 and (biased) variance 1, then its channels are multiplied by `weight` and shifted by `bias`.
 *
 * @param options.weight (C) of x's dtype, or none; `bias` (C) likewise; `eps` default 1e-5, PyTorch's.
 * @throws TensorError `shape` unless the groups cut C evenly; `dtype`.
 * @see Wu and He 2018, "Group normalization".
 *
 * @example
 * ```ts
 * import { groupNorm, tensor } from '@tessera-llm/tensor';
 * const y = groupNorm(tensor([[1, 3, 10, 30]]), { groups: 2, eps: 0 });
 * console.log(await y.data()); // [-1, 1, -1, 1]
 * ```
 */
export function groupNorm(
  x: Tensor,
  options: {
    readonly groups: number;
    readonly weight?: Tensor | null;
    readonly bias?: Tensor | null;
    readonly eps?: number;
  },
): Tensor {
  const { groups, weight = null, bias = null, eps = 1e-5 } = options;
  wantFloat('groupNorm', x);
  const [batch, channels] = x.shape;
  if (
    batch === undefined ||
    channels === undefined ||
    !Number.isInteger(groups) ||
    groups < 1 ||
    channels % groups !== 0
  ) {
    throw new TensorError(
      'shape',
      `[groupNorm] expected x (N, C, …) with C a multiple of ${groups} groups, got ${showShape(x.shape)}`,
    );
  }
  const grouped = reshape(x, [batch * groups, x.size / Math.max(1, batch * groups)]);
  let y = reshape(layerNorm(grouped, { eps }), x.shape);
  const perChannel = [channels, ...x.shape.slice(2).map(() => 1)];
  if (weight !== null) y = mul(y, reshape(weight, perChannel));
  return bias === null ? y : add(y, reshape(bias, perChannel));
}
