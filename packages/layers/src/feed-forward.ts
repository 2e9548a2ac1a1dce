import { type Compute, type GateFn, type Tensor, gated } from '@tessera-llm/tensor';
import type { Segments } from './batch';
import { LayersError } from './errors';
import type { Init } from './init';
import { Linear } from './linear';
import { Module } from './module';

/** Activation names of Hugging Face configs and what the ops of `@tessera-llm/tensor` call them. */
export const activations = {
  gelu: 'geluErf',
  gelu_new: 'geluTanh',
  gelu_pytorch_tanh: 'geluTanh',
  quick_gelu: 'quickGelu',
  relu: 'relu',
  relu2: 'relu2',
  silu: 'silu',
  swish: 'silu',
} as const satisfies Record<string, GateFn>;

/** A key of `activations`. */
export type ActivationName = keyof typeof activations;

/**
 * Checks the name of an activation, as a config holds it.
 *
 * @throws LayersError `value` for a name that `activations` lacks.
 *
 * @example
 * ```ts
 * import { activationName, activations } from '@tessera-llm/layers';
 * console.log(activations[activationName('gelu_new')]); // 'geluTanh'
 * ```
 */
export function activationName(name: string): ActivationName {
  if (Object.hasOwn(activations, name)) return name as ActivationName;
  throw new LayersError(
    'value',
    `[activation] expected one of ${Object.keys(activations).join(', ')}, got ${JSON.stringify(name)}`,
  );
}

/** Settings of the feed-forward layers. */
export interface FeedForwardOptions {
  readonly init: Init;
  /** C, the width of the residual stream. */
  readonly width: number;
  /** F, the width inside. */
  readonly innerWidth: number;
  /** Default gelu (exact) for FeedForward, silu for GatedFeedForward. */
  readonly activation?: ActivationName;
  /** Biases of all projections; default true for FeedForward, false for GatedFeedForward. */
  readonly bias?: boolean;
  /** Precision of the inputs of the products; default float32. */
  readonly compute?: Compute;
}

/**
 * fc2(act(fc1(x))), the feed-forward of the original transformer (Vaswani et al. 2017, arXiv:1706.03762, section 3.3);
 * biases and exact GELU by default.
 *
 * @throws LayersError `value` for widths that are no counts and unknown activations.
 *
 * @example
 * ```ts
 * import { FeedForward, initializer } from '@tessera-llm/layers';
 * import { tensor } from '@tessera-llm/tensor';
 * const mlp = new FeedForward({ init: initializer({ seed: 1 }), width: 2, innerWidth: 8 });
 * console.log(mlp.forward(tensor([[1, 2]])).shape); // [1, 2]
 * ```
 */
export class FeedForward extends Module {
  readonly fc1: Linear;
  readonly fc2: Linear;
  readonly #activation: GateFn;

  constructor({ width, innerWidth, activation = 'gelu', ...options }: FeedForwardOptions) {
    super();
    this.#activation = activations[activationName(activation)];
    this.fc1 = new Linear(width, innerWidth, options);
    this.fc2 = new Linear(innerWidth, width, options);
  }

  /** (N, C) -> (N, C). `segments` as in Linear; `residual` (N, C) is added. */
  forward(x: Tensor, segments?: Segments, residual: Tensor | null = null): Tensor {
    const inner = this.fc1.forward(x, segments, { activation: this.#activation });
    return this.fc2.forward(inner, segments, { residual });
  }
}

/**
 * down_proj(act(gate_proj(x)) * up_proj(x)), SwiGLU by default (Shazeer 2020, arXiv:2002.05202). Names are Llama's.
 *
 * @throws LayersError `value` for widths that are no counts and unknown activations.
 *
 * @example
 * ```ts
 * import { GatedFeedForward, initializer } from '@tessera-llm/layers';
 * import { tensor } from '@tessera-llm/tensor';
 * const mlp = new GatedFeedForward({ init: initializer({ seed: 1 }), width: 2, innerWidth: 8 });
 * console.log(mlp.forward(tensor([[1, 2]])).shape); // [1, 2]
 * ```
 */
export class GatedFeedForward extends Module {
  readonly gate_proj: Linear;
  readonly up_proj: Linear;
  readonly down_proj: Linear;
  readonly #activation: GateFn;

  constructor(options: FeedForwardOptions) {
    super();
    const { width, innerWidth, activation = 'silu', bias = false } = options;
    this.#activation = activations[activationName(activation)];
    const settings = { ...options, bias };
    this.gate_proj = new Linear(width, innerWidth, settings);
    this.up_proj = new Linear(width, innerWidth, settings);
    this.down_proj = new Linear(innerWidth, width, settings);
  }

  /** (N, C) -> (N, C). `segments` as in Linear; `residual` (N, C) is added. */
  forward(x: Tensor, segments?: Segments, residual: Tensor | null = null): Tensor {
    // A kernel of its own: in the product's epilogue the gate's rows come from memory in pieces, which slows prompts.
    const inner = gated(this.gate_proj.forward(x, segments), this.up_proj.forward(x, segments), {
      activation: this.#activation,
    });
    return this.down_proj.forward(inner, segments, { residual });
  }
}
