import { copyInPlace, full, isTensor, keep, mul, noGrad, scope, type Tensor } from '@tessera-llm/tensor';
import { checkKnown, checkSetting, OptimizerError, ranges } from './errors.js';
import { entriesOf, groupsOf, type NamedTensors, type Parameters } from './parameters.js';
import { withDefaults } from './settings.js';

/** What a rule gets for one parameter in one step. */
export interface Update<S> {
  /** Written in place. */
  readonly param: Tensor;
  /** The gradient as it came; multiply by `factor` first if there is one. */
  readonly grad: Tensor;
  /** () float32 that multiplies every gradient: the clipping coefficient. */
  readonly factor: Tensor | null;
  /** The group's settings. */
  readonly settings: S;
  /** The learning rate times the schedule's factor; NaN for rules that compute their own. */
  readonly lr: number;
  /** The schedule's factor alone. */
  readonly lrFactor: number;
  /** Updates of this parameter, this one included: 1 for the first. */
  readonly step: number;
  /** A state tensor of this parameter, by the name that the rule's `state` gave; written in place. */
  state(name: string): Tensor;
}

/** One tensor of a parameter's state before the first step. */
export interface StateTensor {
  readonly shape: readonly number[];
  /** Default 0. */
  readonly value?: number;
}

/**
 * An optimizer's mathematics, apart from groups, saving and checks. Write one to add an optimizer:
 * `new Optimizer(rule, params, settings)` does the rest.
 */
export interface OptimizerRule<S> {
  /** For messages: the class's name. */
  readonly name: string;
  /** Settings that a group may set back to null, which means something to the rule; default none. */
  readonly nullable?: readonly (keyof S & string)[];
  /** Throws for settings out of range, and for parameters that it cannot update. Called once for each group. */
  check(settings: S, params: readonly (readonly [string, Tensor])[]): void;
  /** The state tensors that a parameter needs. */
  state(param: Tensor, settings: S): Readonly<Record<string, StateTensor>>;
  /** One step of one parameter, in place, without gradients. What it makes is freed afterwards. */
  update(update: Update<S>): void;
}

/** An optimizer's memory: plain numbers and tensors, to be put in a checkpoint. */
export interface OptimizerState {
  /** Updates so far, by parameter; absent before the first. */
  readonly steps: Readonly<Record<string, number>>;
  /** `<state>.<parameter>`, as in `exp_avg.lm_head.weight`. */
  readonly tensors: Readonly<Record<string, Tensor>>;
}

/** Settings of one `step`. */
export interface StepOptions {
  /** Multiplies every group's learning rate: what a schedule gives. Default 1. */
  readonly lrFactor?: number;
  /** () float32 that multiplies every gradient, as `clipCoefficient` gives. Default: none. */
  readonly factor?: Tensor | null;
}

interface Slot<S> {
  readonly name: string;
  readonly param: Tensor;
  readonly settings: S;
  steps: number;
  readonly tensors: Map<string, Tensor>;
}

/**
 * Updates named parameters from their gradients, in place. The classes of this package (`AdamW`,
 * `SGD`, ...) are this one with their rule.
 *
 * Parameters are float32; their state is made at their first step and lives until `dispose`. Step
 * counts are kept by parameter, so that one that joins later starts its bias correction anew.
 *
 * @throws OptimizerError `invalid_setting` for an unknown setting, a value of another kind, or a negative lr;
 * `invalid_parameters` for none, one twice, or one that is not a float32 tensor.
 *
 * @example
 * ```ts
 * import { Optimizer, type OptimizerRule } from '@tessera-llm/optimizers';
 * import { copyInPlace, mul, parameter, sign, sub, tensor } from '@tessera-llm/tensor';
 *
 * const rule: OptimizerRule<{ readonly lr: number }> = {
 *   name: 'SignSGD',
 *   check() {},
 *   state: () => ({}),
 *   update: ({ param, grad, lr }) => copyInPlace(param, sub(param, mul(sign(grad), lr))),
 * };
 * const w = parameter(tensor([1, 2]));
 * new Optimizer(rule, { w }, { lr: 0.5 }).step({ w: tensor([7, -3]) });
 * console.log(await w.data()); // [0.5, 2.5]
 * ```
 */
export class Optimizer<S extends { readonly lr: number | null }> {
  readonly #rule: OptimizerRule<S>;
  readonly #slots = new Map<string, Slot<S>>();

  /**
   * @param rule The mathematics.
   * @param parameters Named tensors, or groups of them with settings of their own.
   * @param settings All settings, with their values for groups that do not say otherwise.
   * @throws OptimizerError `invalid_setting`, `invalid_parameters`
   */
  constructor(rule: OptimizerRule<S>, parameters: Parameters<S>, settings: S) {
    this.#rule = rule;
    for (const { entries, own } of groupsOf(rule.name, parameters)) {
      const resolved = withDefaults(rule.name, settings, own, rule.nullable);
      if (resolved.lr !== null) checkSetting(rule.name, 'lr', resolved.lr, ranges.nonNegative);
      rule.check(resolved, entries);
      for (const [name, param] of entries) {
        this.#slots.set(name, { name, param, settings: resolved, steps: 0, tensors: new Map() });
      }
    }
  }

  /**
   * One update of every parameter that has a gradient; the others stay as they are, as frozen ones do
   * in PyTorch. Everything is checked before anything is written.
   *
   * @param grads Gradients by parameter name, float32, of the parameters' shapes.
   * @throws OptimizerError `invalid_gradient` for an unknown or repeated name, another shape or dtype, or a `factor`
   * that is not () float32; `invalid_setting` for an `lrFactor` that is negative or not finite, and for unknown
   * options.
   */
  step(grads: NamedTensors, options: StepOptions = {}): void {
    const op = `${this.#rule.name}.step`;
    checkKnown(op, 'options', options, ['lrFactor', 'factor']);
    const { lrFactor = 1, factor = null } = options;
    checkSetting(op, 'lrFactor', lrFactor, ranges.nonNegative);
    if (factor && (factor.rank !== 0 || factor.dtype !== 'float32')) {
      throw new OptimizerError(
        'invalid_gradient',
        `[${op}] expected factor to be () float32, got (${factor.shape.join(', ')}) ${factor.dtype}`,
      );
    }
    const work = entriesOf(grads).map(([name, grad]) => ({ slot: this.#slotFor(op, name, grad), grad }));
    if (new Set(work.map(({ slot }) => slot)).size < work.length) {
      throw new OptimizerError('invalid_gradient', `[${op}] expected each gradient once, got a name twice`);
    }
    for (const { slot, grad } of work) {
      const { param, settings } = slot;
      this.#prepare(slot);
      slot.steps += 1;
      const state = (name: string) => {
        const found = slot.tensors.get(name);
        if (!found)
          throw new OptimizerError(
            'invalid_state',
            `[${op}] expected a state tensor ${name}, got none in the rule's state()`,
          );
        return found;
      };
      const lr = settings.lr === null ? Number.NaN : settings.lr * lrFactor;
      // A scope for each parameter, so that the temporaries of only one of them are alive at a time.
      noGrad(() =>
        scope(() => this.#rule.update({ param, grad, factor, settings, lr, lrFactor, step: slot.steps, state })),
      );
    }
  }

  /** The state as it is: the tensors are the optimizer's own, to be read before the next step. */
  state(): OptimizerState {
    const steps: Record<string, number> = {};
    const tensors: Record<string, Tensor> = {};
    for (const slot of this.#slots.values()) {
      if (slot.steps > 0) steps[slot.name] = slot.steps;
      for (const [key, value] of slot.tensors) tensors[`${key}.${slot.name}`] = value;
    }
    return { steps, tensors };
  }

  /**
   * Takes over a saved state; values are copied, bit for bit. Everything is checked first.
   *
   * @throws OptimizerError `invalid_state` for something else than a state, unknown or missing names, other shapes, or
   * step counts that are not whole numbers.
   */
  load(state: { readonly steps: Readonly<Record<string, number>>; readonly tensors: NamedTensors }): void {
    const op = `${this.#rule.name}.load`;
    const fail = (expected: string, got: string) =>
      new OptimizerError('invalid_state', `[${op}] expected ${expected}, got ${got}`);
    const { steps, tensors } = state ?? {};
    if (!isRecord(steps) || !isRecord(tensors)) throw fail('steps and tensors as state() gives them', 'something else');
    const given = new Map(entriesOf(tensors));
    for (const [name, count] of Object.entries(steps)) {
      if (!this.#slots.has(name)) throw fail('steps of known parameters', name);
      if (!ranges.whole.holds(count)) throw fail(`a step count for ${name}`, String(count));
    }
    const copies: { slot: Slot<S>; key: string; source: Tensor }[] = [];
    for (const slot of this.#slots.values()) {
      if ((steps[slot.name] ?? 0) === 0) continue;
      for (const [key, { shape }] of Object.entries(this.#rule.state(slot.param, slot.settings))) {
        const name = `${key}.${slot.name}`;
        const source = given.get(name);
        const got = isTensor(source) ? `(${source.shape.join(', ')}) ${source.dtype}` : String(source ?? 'none');
        if (got !== `(${shape.join(', ')}) float32` || !source)
          throw fail(`${name} (${shape.join(', ')}) float32`, got);
        copies.push({ slot, key, source });
        given.delete(name);
      }
    }
    const [unknown] = given.keys();
    if (unknown !== undefined) throw fail('only tensors that belong to the parameters and their steps', unknown);

    for (const slot of this.#slots.values()) {
      const count = steps[slot.name] ?? 0;
      if (count === 0) forget(slot);
      else this.#prepare(slot);
      slot.steps = count;
    }
    for (const { slot, key, source } of copies) {
      const target = slot.tensors.get(key);
      if (target && target !== source) copyInPlace(target, source);
    }
  }

  /** Frees the state and forgets the step counts; the parameters are the caller's. */
  dispose(): void {
    for (const slot of this.#slots.values()) forget(slot);
  }

  #prepare({ param, settings, tensors }: Slot<S>): void {
    if (tensors.size > 0) return;
    for (const [key, { shape, value = 0 }] of Object.entries(this.#rule.state(param, settings))) {
      tensors.set(key, keep(full(shape, value, { backend: param.backend })));
    }
  }

  #slotFor(op: string, name: string, grad: Tensor): Slot<S> {
    const slot = this.#slots.get(name);
    if (!slot)
      throw new OptimizerError('invalid_gradient', `[${op}] expected gradients of known parameters, got ${name}`);
    const want = `(${slot.param.shape.join(', ')}) float32`;
    const got = isTensor(grad) ? `(${grad.shape.join(', ')}) ${grad.dtype}` : String(grad);
    if (want !== got)
      throw new OptimizerError(
        'invalid_gradient',
        `[${op}] expected the gradient of ${name} to be ${want}, got ${got}`,
      );
    return slot;
  }
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function forget(slot: { steps: number; readonly tensors: Map<string, Tensor> }): void {
  for (const tensor of slot.tensors.values()) tensor.dispose();
  slot.tensors.clear();
  slot.steps = 0;
}

/** The gradient times the clipping coefficient, if there is one. */
export function scaledGrad({ grad, factor }: { readonly grad: Tensor; readonly factor: Tensor | null }): Tensor {
  return factor ? mul(grad, factor) : grad;
}
