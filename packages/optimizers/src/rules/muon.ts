import { add, div, matmul, maximum, mul, norm, type Tensor, transpose } from '@tessera-llm/tensor';
import { checkKnown, checkSetting, OptimizerError, ranges } from '../errors.js';
import { decayInto, descend, shrink } from '../math.js';
import { Optimizer, type OptimizerRule, scaledGrad } from '../optimizer.js';
import type { Parameters } from '../parameters.js';
import { withDefaults } from '../settings.js';

/** Settings of {@link newtonSchulz}. */
export interface NewtonSchulzOptions {
  /** a, b, c of X = a X + (b A + c A^2) X with A = X X^T; default (3.4445, -4.775, 2.0315), tuned for speed. */
  readonly coefficients?: readonly [number, number, number];
  /** Default 5. */
  readonly steps?: number;
  /** The least norm to divide by; default 1e-7. */
  readonly eps?: number;
}

/**
 * Roughly the nearest orthogonal matrix: the singular values are moved to around 1 by an odd polynomial, without a
 * decomposition. With the defaults they come to lie from 0.68 to 1.21; those below 1/300 of the Frobenius norm stay
 * smaller.
 *
 * @param matrix (M, N) float32.
 * @returns (M, N) float32.
 * @throws OptimizerError `invalid_setting` for other than three coefficients, steps that are no whole number, an eps that
 * is not above 0, unknown options; `invalid_gradient` for something else than a matrix.
 * @see Jordan et al. 2024, "Muon: an optimizer for hidden layers in neural networks",
 * kellerjordan.github.io/posts/muon.
 *
 * @example
 * ```ts
 * import { newtonSchulz } from '@tessera-llm/optimizers';
 * import { tensor } from '@tessera-llm/tensor';
 *
 * const o = await newtonSchulz(tensor([[3, 0], [0, 0.5]])).data();
 * console.log([...o].map(Math.round)); // [1, 0, 0, 1]
 * ```
 */
export function newtonSchulz(matrix: Tensor, options: NewtonSchulzOptions = {}): Tensor {
  checkKnown('newtonSchulz', 'options', options, ['coefficients', 'steps', 'eps']);
  const { coefficients = defaults.nsCoefficients, steps = defaults.nsSteps, eps = defaults.eps } = options;
  checkIteration('newtonSchulz', coefficients, steps);
  checkSetting('newtonSchulz', 'eps', eps, ranges.positive);
  const [rows = 0, columns = 0] = matrix.shape;
  if (matrix.rank !== 2)
    throw new OptimizerError('invalid_gradient', `[newtonSchulz] expected a matrix, got (${matrix.shape.join(', ')})`);
  const [a, b, c] = coefficients;
  // The smaller side inside keeps A = X X^T small.
  const tall = rows > columns;
  let x = tall ? transpose(matrix) : matrix;
  x = div(x, maximum(norm(x), eps));
  for (let i = 0; i < steps; i++) {
    const gram = matmul(x, x, { transposeB: true });
    const polynomial = add(mul(gram, b), mul(matmul(gram, gram), c));
    x = add(mul(x, a), matmul(polynomial, x));
  }
  return tall ? transpose(x) : x;
}

function checkIteration(op: string, coefficients: readonly number[], steps: number): void {
  if (coefficients.length !== 3) {
    throw new OptimizerError('invalid_setting', `[${op}] expected three coefficients, got ${coefficients.length}`);
  }
  for (const [i, value] of coefficients.entries()) checkSetting(op, `coefficient ${i}`, value, ranges.finite);
  checkSetting(op, 'the steps', steps, ranges.whole);
}

/** Settings of {@link Muon}; names and defaults are PyTorch's. */
export interface MuonSettings {
  /** Learning rate; default 1e-3. */
  readonly lr: number;
  /** wd, decoupled; default 0.1. */
  readonly weightDecay: number;
  /** mu, the decay of the average of gradients, in [0, 1); default 0.95. */
  readonly momentum: number;
  /** Look ahead along the momentum; default true. */
  readonly nesterov: boolean;
  /** As {@link NewtonSchulzOptions.coefficients}. */
  readonly nsCoefficients: readonly [number, number, number];
  /** Steps of the iteration; default 5. */
  readonly nsSteps: number;
  /** The least norm to divide by, > 0; default 1e-7. */
  readonly eps: number;
  /**
   * How lr depends on the shape: `'original'` (null is the same) sqrt(max(1, rows / columns)),
   * `'match_rms_adamw'` 0.2 sqrt(max(rows, columns)), with which AdamW's rates and decay can be kept.
   */
  readonly adjustLrFn: 'original' | 'match_rms_adamw' | null;
}

const defaults: MuonSettings = {
  lr: 1e-3,
  weightDecay: 0.1,
  momentum: 0.95,
  nesterov: true,
  nsCoefficients: [3.4445, -4.775, 2.0315],
  nsSteps: 5,
  eps: 1e-7,
  adjustLrFn: null,
};

const rule: OptimizerRule<MuonSettings> = {
  name: 'Muon',
  nullable: ['adjustLrFn'],
  check({ weightDecay, momentum, nsCoefficients, nsSteps, eps, adjustLrFn }, params) {
    checkSetting('Muon', 'weightDecay', weightDecay, ranges.nonNegative);
    checkSetting('Muon', 'momentum', momentum, ranges.decay);
    checkIteration('Muon', nsCoefficients, nsSteps);
    checkSetting('Muon', 'eps', eps, ranges.positive);
    if (adjustLrFn !== null && adjustLrFn !== 'original' && adjustLrFn !== 'match_rms_adamw') {
      throw new OptimizerError(
        'invalid_setting',
        `[Muon] expected adjustLrFn to be 'original' or 'match_rms_adamw', got ${String(adjustLrFn)}`,
      );
    }
    for (const [name, { shape }] of params) {
      if (shape.length !== 2) {
        throw new OptimizerError(
          'invalid_parameters',
          `[Muon] expected matrices, got ${name} (${shape.join(', ')}); give embeddings, biases and norms to AdamW`,
        );
      }
    }
  },
  state: ({ shape }) => ({ momentum_buffer: { shape } }),
  update(u) {
    const { weightDecay, momentum, nesterov, nsCoefficients, nsSteps, eps, adjustLrFn } = u.settings;
    const [rows = 1, columns = 1] = u.param.shape;
    const grad = scaledGrad(u);
    const buffer = u.state('momentum_buffer');
    decayInto(buffer, grad, momentum);
    const direction = nesterov ? add(mul(grad, 1 - momentum), mul(buffer, momentum)) : buffer;
    const orthogonal = newtonSchulz(direction, { coefficients: nsCoefficients, steps: nsSteps, eps });
    const ratio =
      adjustLrFn === 'match_rms_adamw'
        ? 0.2 * Math.sqrt(Math.max(rows, columns))
        : Math.sqrt(Math.max(1, rows / columns));
    shrink(u.param, u.lr * weightDecay);
    descend(u.param, orthogonal, u.lr * ratio);
  },
};

/**
 * Muon: momentum, made orthogonal. For the matrices of hidden layers; embeddings, heads, biases and
 * norms belong to a second optimizer, usually {@link AdamW}. The iteration runs in float32.
 *
 * m = mu m + (1 - mu) g, d = (1 - mu) g + mu m (without nesterov: m), p = p (1 - lr wd) - lr s O(d) with O =
 * {@link newtonSchulz} and s by `adjustLrFn`.
 *
 * State: `momentum_buffer` (m), of the parameter's shape.
 *
 * @throws OptimizerError `invalid_setting`, `invalid_parameters` (a parameter that is no matrix)
 * @see Jordan et al. 2024, "Muon"; Liu et al. 2025, "Muon is scalable for LLM training", arXiv:2502.16982; as
 * `torch.optim.Muon`.
 *
 * @example
 * ```ts
 * import { Muon } from '@tessera-llm/optimizers';
 * import { parameter, tensor } from '@tessera-llm/tensor';
 *
 * const w = parameter(tensor([[1, 0], [0, 1]]));
 * new Muon({ w }, { lr: 0.1, weightDecay: 0 }).step({ w: tensor([[8, 0], [0, 8]]) });
 * console.log(await w.data()); // [0.889, 0, 0, 0.889]
 * ```
 */
export class Muon extends Optimizer<MuonSettings> {
  constructor(parameters: Parameters<MuonSettings>, settings: Partial<MuonSettings> = {}) {
    super(rule, parameters, withDefaults('Muon', defaults, settings));
  }
}
