import type { AdamWAttrs } from '../backend/contract';
import { TensorError } from '../errors';
import { type Tensor, written } from '../tensor';
import { kernelsFor, wantDtype, wantShape } from './common';

/** Settings of one AdamW step; see `adamwInPlace`. */
export interface AdamWOptions extends Omit<AdamWAttrs, 'decoupled'> {
  /** false adds the decay to the gradient, as torch.optim.Adam does; default true. */
  readonly decoupled?: boolean;
  /** Largest second moment so far (AMSGrad), of the parameter's shape, in whose memory it is kept; default none. */
  readonly maxV?: Tensor | null;
  /** () float32 that multiplies the gradient first: the clipping coefficient. Default none. */
  readonly factor?: Tensor | null;
}

/**
 * One AdamW step in one pass, in the memory of param, m and v (all float32, of one shape): m = β₁ m + (1-β₁) g, v = β₂
 * v + (1-β₂) g², p = p (1 - lr·wd) - lr/(1-β₁ᵗ) · m / (√v/√(1-β₂ᵗ) + eps), as torch.optim.AdamW.
 *
 * @throws TensorError `shape`, `dtype`, `value` for a setting out of its range.
 * @see Loshchilov and Hutter 2019, "Decoupled weight decay regularization"; Reddi et al. 2018, "On the convergence of
 * Adam and beyond" (AMSGrad).
 *
 * @example
 * ```ts
 * import { adamwInPlace, tensor, zerosLike } from '@tessera-llm/tensor';
 * const p = tensor([1]);
 * const settings = { lr: 0.1, beta1: 0.9, beta2: 0.999, eps: 1e-8, weightDecay: 0, step: 1 };
 * adamwInPlace(p, tensor([5]), { m: zerosLike(p), v: zerosLike(p), ...settings });
 * console.log(await p.item()); // 0.9
 * ```
 */
export function adamwInPlace(
  param: Tensor,
  grad: Tensor,
  options: AdamWOptions & { readonly m: Tensor; readonly v: Tensor },
): void {
  const { m, v, maxV = null, factor = null, decoupled = true, ...rest } = options;
  wantDtype('adamwInPlace', param, 'param', 'float32');
  for (const [x, name] of [
    [grad, 'grad'],
    [m, 'm'],
    [v, 'v'],
    [maxV, 'maxV'],
  ] as const) {
    if (x === null) continue;
    wantShape('adamwInPlace', x, name, param.shape);
    wantDtype('adamwInPlace', x, name, 'float32');
  }
  if (factor !== null) {
    wantShape('adamwInPlace', factor, 'factor', []);
    wantDtype('adamwInPlace', factor, 'factor', 'float32');
  }
  const { beta1, beta2, eps, lr, step, weightDecay } = rest;
  const fails = (what: string): never => {
    throw new TensorError('value', `[adamwInPlace] expected ${what}`);
  };
  if (!Number.isFinite(lr) || !Number.isInteger(step) || step < 1) {
    fails(`a finite lr and a step from 1, got ${lr} and ${step}`);
  }
  if (!(beta1 >= 0 && beta1 < 1 && beta2 >= 0 && beta2 < 1)) {
    fails(`beta1 and beta2 from 0 to below 1, got ${beta1} and ${beta2}`);
  }
  if (!(eps >= 0 && Number.isFinite(eps) && Number.isFinite(weightDecay))) {
    fails(`a finite eps of 0 or more and a finite weightDecay, got ${eps} and ${weightDecay}`);
  }
  const others = [maxV, factor].filter((x) => x !== null);
  kernelsFor('adamwInPlace', param, grad, m, v, ...others).adamwInPlace(param, grad, m, v, maxV, factor, {
    ...rest,
    decoupled,
  });
  for (const x of [param, m, v, maxV]) if (x !== null) written(x);
}
