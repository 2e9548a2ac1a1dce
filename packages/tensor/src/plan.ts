import type { Backend, BackendPlan } from './backend/contract';
import { TensorError } from './errors';
import { reshape } from './ops/view';
import { keep, scope } from './scope';
import { kernelsOf, state } from './state';
import { isTracked } from './tape';
import { type Tensor, wrap } from './tensor';

/** What a plan takes anew each time. */
export interface PlanValues {
  /** At least one, all of one backend. */
  readonly tensors: readonly Tensor[];
  /** Host arrays that ops read (rows, layouts): the very objects that reach the ops. */
  readonly arrays?: readonly Int32Array[];
}

/**
 * Kernels of a function, recorded once by `recordPlan` and run again without JavaScript between them: the same kernels
 * on the same weights, so the same bits. Weights that change in place count; memory of weights, of stores that the
 * function writes, and its own stays alive until `dispose`.
 *
 * @example
 * ```ts
 * import { exp, recordPlan, tensor } from '@tessera-llm/tensor';
 * const { plan, reason } = recordPlan({ tensors: [tensor([0, 1])] }, ([x]) => exp(x));
 * if (plan === null) console.log(reason); // the reference backend has no plans
 * else {
 *   const y = plan.run({ tensors: [tensor([0, 2])] });
 *   console.log(await y.data()); // [1, 7.389…]
 *   plan.dispose();
 *   console.log(plan.usable); // false
 * }
 * ```
 */
export class Plan {
  readonly #plan: BackendPlan;
  readonly #targets: readonly Tensor[];
  readonly #output: Tensor;

  /** @internal */
  constructor(plan: BackendPlan, targets: readonly Tensor[], output: Tensor) {
    this.#plan = plan;
    this.#targets = targets;
    this.#output = output;
  }

  /** False after `dispose`, and once a tensor that the function read is disposed. */
  get usable(): boolean {
    return this.#plan.usable;
  }

  /**
   * What the function would give for these values.
   *
   * @param values As many as recorded, each of the same shape and dtype. The ops' checks of host arrays don't run
   *   again.
   * @throws TensorError `shape`, `disposed`; `autograd` where a gradient flows to one of the tensors.
   */
  run({ tensors, arrays = [] }: PlanValues): Tensor {
    if (isTracked(tensors)) {
      throw new TensorError(
        'autograd',
        '[plan] expected tensors that no gradient flows to, because what a plan runs is not recorded; call the function ' +
          'itself, or use noGrad where the gradient is not wanted',
      );
    }
    this.#plan.run({ tensors, arrays });
    const { backend } = this.#output;
    return wrap(backend, kernelsOf(backend).copy(this.#output));
  }

  /** Gives the plan's memory back, and lets go of what it reads. Twice is fine. */
  dispose(): void {
    this.#plan.dispose();
    for (const tensor of [...this.#targets, this.#output]) tensor.dispose();
  }
}

/**
 * True where `recordPlan` may give a plan: the backend has them (the native one), and neither gradients nor single
 * kernels (`profile`, `anomaly`) are recorded.
 *
 * @example
 * ```ts
 * import { canPlan, defaultBackend, profile } from '@tessera-llm/tensor';
 * const backend = defaultBackend();
 * console.log(canPlan(backend)); // true on the native backend
 * console.log(profile(() => canPlan(backend)).result); // false
 * ```
 */
export function canPlan(backend: Backend): boolean {
  return backend.record !== undefined && state.tape === null && state.intercept === null;
}

/**
 * Runs a synchronous function of tensors and records its kernels. There is no plan, and a reason, where running them
 * again would not be all that the function does: where it takes other values from the host than those named, reads
 * values back, runs under `grad` or `profile`, or where the backend has no plans. What else the function looks at,
 * numbers for example, the plan takes as it was.
 *
 * @param fn Gets tensors of the same values, which it may dispose, and returns one that it made.
 * @throws TensorError what fn throws; `value` without tensors.
 *
 * @example
 * ```ts
 * import { linear, normal, recordPlan, relu } from '@tessera-llm/tensor';
 * const weight = normal([4, 8], { seed: 0 });
 * const x = normal([1, 8], { seed: 1 });
 * const { result, plan } = recordPlan({ tensors: [x] }, ([x]) => relu(linear(x, weight)));
 * console.log(result.shape, plan?.run({ tensors: [x] }).shape); // [1, 4] [1, 4] on the native backend
 * plan?.dispose();
 * ```
 */
export function recordPlan<const T extends readonly Tensor[]>(
  values: PlanValues & { readonly tensors: T },
  fn: (tensors: { readonly [I in keyof T]: Tensor }) => Tensor,
): { readonly result: Tensor; readonly plan: Plan | null; readonly reason: string | null } {
  const { tensors, arrays = [] } = values;
  const backend = tensors[0]?.backend;
  if (backend === undefined) throw new TensorError('value', '[recordPlan] expected at least one tensor, got none');
  const call = (xs: readonly Tensor[]): Tensor =>
    scope(() => {
      const y = fn(xs.map((x) => reshape(x, x.shape)) as { readonly [I in keyof T]: Tensor });
      // A view: the plan disposes its result, which must not take along a tensor from elsewhere that fn gave back.
      return reshape(y, y.shape);
    });
  if (backend.record === undefined) {
    return { result: call(tensors), plan: null, reason: `the ${backend.name} backend has no plans` };
  }
  if (!canPlan(backend)) return { result: call(tensors), plan: null, reason: 'gradients or kernels are recorded' };
  const targets = tensors.map((x) => keep(wrap(backend, kernelsOf(backend).copy(x))));
  const disposeTargets = (): void => {
    for (const target of targets) target.dispose();
  };
  try {
    const { result, plan, reason } = backend.record({ tensors: targets, arrays }, () => call(targets));
    if (plan === null) {
      disposeTargets();
      return { result, plan, reason };
    }
    const output = keep(result);
    return { result: wrap(backend, kernelsOf(backend).copy(output)), plan: new Plan(plan, targets, output), reason };
  } catch (error) {
    disposeTargets();
    throw error;
  }
}
