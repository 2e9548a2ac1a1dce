import {
  type Compute,
  type ProductEpilogue,
  type QuantizedWeight,
  type Tensor,
  isQuantizedWeight,
  linear,
  quantizedLinear,
} from '@tessera-llm/tensor';
import { AdaptableLayer } from './adapters/adaptable';
import type { Segments } from './batch';
import { LayersError, checkCount } from './errors';
import type { Init } from './init';

/**
 * @internal x Wᵀ + b and what follows for a weight of either kind. A quantised one says itself what becomes of x;
 * `compute` is for dense ones.
 */
export function project(
  x: Tensor,
  weight: Tensor | QuantizedWeight,
  { compute, ...options }: ProductEpilogue & { readonly bias: Tensor | null; readonly compute: Compute },
): Tensor {
  if (isQuantizedWeight(weight)) return quantizedLinear(x, weight, options);
  return linear(x, weight, { ...options, compute });
}

/** Settings of Linear and Conv1D. */
export interface LinearOptions {
  readonly init: Init;
  /** Whether a bias is added; true as in PyTorch. */
  readonly bias?: boolean;
  /** Standard deviation of the new weight; default: the initializer's. */
  readonly std?: number;
  /** Precision of the product's inputs; accumulation is always float32. Default float32. */
  readonly compute?: Compute;
}

/**
 * Affine map y = x Wᵀ + b with `weight` (out, in), PyTorch's layout.
 *
 * x (…, in) float32 gives (…, out) float32. The weight may be quantised (`setWeight`): it is then constant, gradients
 * flow to x and bias, and its own `activations` take the place of `compute`.
 *
 * @throws LayersError `value` for sizes that are no counts.
 *
 * @example
 * ```ts
 * import { Linear, initializer } from '@tessera-llm/layers';
 * import { tensor } from '@tessera-llm/tensor';
 * const layer = new Linear(3, 2, { init: initializer({ seed: 1 }) });
 * console.log(layer.forward(tensor([[1, 2, 3]])).shape); // [1, 2]
 * ```
 */
export class Linear extends AdaptableLayer {
  readonly weight: Tensor | QuantizedWeight; // (out, in)
  readonly bias: Tensor | null; // (out)
  readonly #compute: Compute;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions) {
    super();
    checkCount('Linear', 'inFeatures', inFeatures);
    checkCount('Linear', 'outFeatures', outFeatures);
    const { init, bias = true, compute = 'float32' } = options;
    this.weight = init.matrix([outFeatures, inFeatures], options.std);
    this.bias = bias ? init.constant([outFeatures], 0) : null;
    this.#compute = compute;
  }

  get weightIsTransposed(): boolean {
    return false;
  }

  /**
   * @param segments Whose rows x holds: needed where segments use different adapters, or an adapter has dropout.
   * @param after What follows the map, in one kernel with it where no adapter adds to it.
   * @throws TensorError `shape` if the last axis of x is not `in`; LayersError `adapter` for an adapter that isn't
   *   there.
   */
  forward(x: Tensor, segments?: Segments, after: ProductEpilogue = {}): Tensor {
    const product = (then: ProductEpilogue) =>
      project(x, this.weight, { bias: this.bias, compute: this.#compute, ...then });
    return this.adapted(x, product, { segments, after });
  }

  protected override takesQuantized(name: string): boolean {
    return name === 'weight';
  }
}

/**
 * The same map in GPT-2's layout: y = x W + b with `weight` (in, out), dense always.
 *
 * @throws LayersError `value` for sizes that are no counts.
 *
 * @example
 * ```ts
 * import { Conv1D, initializer } from '@tessera-llm/layers';
 * console.log(new Conv1D(3, 2, { init: initializer({ seed: 1 }) }).weight.shape); // [3, 2]
 * ```
 */
export class Conv1D extends AdaptableLayer {
  readonly weight: Tensor; // (in, out)
  readonly bias: Tensor | null; // (out)
  readonly #compute: Compute;

  constructor(inFeatures: number, outFeatures: number, options: LinearOptions) {
    super();
    checkCount('Conv1D', 'inFeatures', inFeatures);
    checkCount('Conv1D', 'outFeatures', outFeatures);
    const { init, bias = true, compute = 'float32' } = options;
    this.weight = init.normal([inFeatures, outFeatures], options.std);
    this.bias = bias ? init.constant([outFeatures], 0) : null;
    this.#compute = compute;
  }

  get weightIsTransposed(): boolean {
    return true;
  }

  /** x (…, in) -> (…, out), float32. `segments` and `after` as in Linear. */
  forward(x: Tensor, segments?: Segments, after: ProductEpilogue = {}): Tensor {
    const product = (then: ProductEpilogue) =>
      linear(x, this.weight, { bias: this.bias, compute: this.#compute, across: true, ...then });
    return this.adapted(x, product, { segments, after });
  }
}

/** @internal Heads of width D side by side must fill the projection. */
export function checkHeads(where: string, heads: number, kvHeads: number): void {
  checkCount(where, 'numHeads', heads);
  checkCount(where, 'numKeyValueHeads', kvHeads);
  if (heads % kvHeads !== 0) {
    throw new LayersError(
      'value',
      `[${where}] expected the number of query heads to be a multiple of the number of key heads, got ${heads} and ${kvHeads}`,
    );
  }
}
