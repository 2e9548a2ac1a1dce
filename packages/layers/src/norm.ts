import { type Tensor, layerNorm, rmsNorm } from '@tessera-llm/tensor';
import { checkCount } from './errors';
import type { Init } from './init';
import { Module } from './module';

/** Settings of LayerNorm. */
export interface LayerNormOptions {
  readonly init: Init;
  /** Added to the variance; 1e-5 as in PyTorch and GPT-2. */
  readonly eps?: number;
  /** Whether there is a bias; true as in PyTorch. */
  readonly bias?: boolean;
}

/**
 * y = (x - mean) / sqrt(var + eps) * weight + bias over the last axis, biased variance (Ba, Kiros and Hinton 2016,
 * arXiv:1607.06450). A new one has weight 1 and bias 0, (C) each.
 *
 * @throws LayersError `value` for a width that is no count.
 *
 * @example
 * ```ts
 * import { LayerNorm, initializer } from '@tessera-llm/layers';
 * import { tensor } from '@tessera-llm/tensor';
 * const norm = new LayerNorm(2, { init: initializer({ seed: 1 }) });
 * console.log(await norm.forward(tensor([[1, 3]])).data()); // about [-1, 1]
 * ```
 */
export class LayerNorm extends Module {
  readonly weight: Tensor; // (C)
  readonly bias: Tensor | null; // (C)
  readonly #eps: number;

  constructor(width: number, { init, eps = 1e-5, bias = true }: LayerNormOptions) {
    super();
    checkCount('LayerNorm', 'width', width);
    this.weight = init.constant([width], 1);
    this.bias = bias ? init.constant([width], 0) : null;
    this.#eps = eps;
  }

  /** (…, C) -> (…, C) */
  forward(x: Tensor): Tensor {
    return layerNorm(x, { weight: this.weight, bias: this.bias, eps: this.#eps });
  }
}

/** Settings of RMSNorm. */
export interface RMSNormOptions {
  readonly init: Init;
  /** Added to the mean square; 1e-6 as in Llama. */
  readonly eps?: number;
  /** The factor is `offset + weight`; 0, or 1 in Gemma, whose weights start at 0. */
  readonly offset?: number;
}

/**
 * y = x / sqrt(mean(x²) + eps) * (offset + weight) over the last axis (Zhang and Sennrich 2019, arXiv:1910.07467). A
 * new one has offset + weight = 1, (C).
 *
 * @throws LayersError `value` for a width that is no count.
 *
 * @example
 * ```ts
 * import { RMSNorm, initializer } from '@tessera-llm/layers';
 * import { tensor } from '@tessera-llm/tensor';
 * const norm = new RMSNorm(2, { init: initializer({ seed: 1 }) });
 * console.log(await norm.forward(tensor([[3, 3]])).data()); // about [1, 1]
 * ```
 */
export class RMSNorm extends Module {
  readonly weight: Tensor; // (C)
  readonly #eps: number;
  readonly #offset: number;

  constructor(width: number, { init, eps = 1e-6, offset = 0 }: RMSNormOptions) {
    super();
    checkCount('RMSNorm', 'width', width);
    this.weight = init.constant([width], 1 - offset);
    this.#eps = eps;
    this.#offset = offset;
  }

  /** (…, C) -> (…, C) */
  forward(x: Tensor): Tensor {
    return rmsNorm(x, { weight: this.weight, eps: this.#eps, offset: this.#offset });
  }
}
