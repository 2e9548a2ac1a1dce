import {
  type QuantizedWeight,
  type Tensor,
  copyInPlace,
  isLabelling,
  isQuantizedWeight,
  isTensor,
} from '@tessera-llm/tensor';
import { announced } from './announced';
import { LayersError } from './errors';
import { stateProblems } from './state-problems';
import { structureChanged } from './structure';

const brand = Symbol.for('tessera.layers.Module');

function isModule(value: unknown): value is Module {
  return typeof value === 'object' && value !== null && Reflect.get(value, brand) === true;
}

/**
 * A part of a network: parameters, smaller modules, and a way to compute with them.
 *
 * Parameters are the fields that hold a tensor, children the fields that hold a module or an array of modules, and the
 * path of a parameter is the names of the fields on the way, joined by dots. Models name their fields as the Hugging
 * Face checkpoint does, so a path *is* the checkpoint's key. What is not a parameter goes into a `#private` field.
 *
 * @example
 * ```ts
 * import { Linear, Module, initializer } from '@tessera-llm/layers';
 * import { type Tensor, relu, tensor } from '@tessera-llm/tensor';
 * class Mlp extends Module {
 *   readonly up: Linear;
 *   readonly down: Linear;
 *   constructor(seed: number) {
 *     super();
 *     const init = initializer({ seed });
 *     this.up = new Linear(2, 8, { init });
 *     this.down = new Linear(8, 1, { init });
 *   }
 *   forward(x: Tensor): Tensor {
 *     return this.down.forward(relu(this.up.forward(x)));
 *   }
 * }
 * const mlp = new Mlp(1);
 * console.log([...mlp.namedParameters().keys()]); // up.weight, up.bias, down.weight, down.bias
 * console.log(mlp.forward(tensor([[1, 2]])).shape); // [1, 1]
 * ```
 */
export abstract class Module {
  readonly [brand] = true;
  #training = false;
  #path = '';

  constructor() {
    // Profiles name modules by their paths: the methods that compute announce themselves while one is taken.
    for (const name of ['forward', 'hidden', 'cross']) {
      const method: unknown = Reflect.get(this, name);
      if (typeof method !== 'function') continue;
      const value = (...args: unknown[]): unknown => {
        const run = (): unknown => Reflect.apply(method, this, args);
        return isLabelling() ? announced(this, run) : run();
      };
      Object.defineProperty(this, name, { value, configurable: true, writable: true });
    }
  }

  /** True between `train()` and `eval()`; only dropout looks at it. A new module is in evaluation mode. */
  get training(): boolean {
    return this.#training;
  }

  /** Where the module stands under the root whose `train()` was called last; keys the random numbers of dropout. */
  get path(): string {
    return this.#path;
  }

  /** Direct children with their paths relative to this module. */
  children(): [path: string, module: Module][] {
    const found: [string, Module][] = [];
    for (const [name, value] of Object.entries(this)) {
      if (isModule(value)) found.push([name, value]);
      else if (Array.isArray(value)) {
        value.forEach((item: unknown, i) => {
          if (isModule(item)) found.push([`${name}.${i}`, item]);
        });
      }
    }
    return found;
  }

  /** This module (path '') and all below it, parents first. A module used twice appears once. */
  namedModules(): Map<string, Module> {
    const found = new Map<string, Module>();
    const seen = new Set<Module>();
    const visit = (module: Module, path: string): void => {
      if (seen.has(module)) return;
      seen.add(module);
      found.set(path, module);
      for (const [name, child] of module.children()) visit(child, join(path, name));
    };
    visit(this, '');
    return found;
  }

  /**
   * Every weight by its checkpoint key, in the order of declaration: parameters and quantised weights. One used twice
   * appears once.
   */
  namedWeights(): Map<string, Tensor | QuantizedWeight> {
    const found = new Map<string, Tensor | QuantizedWeight>();
    const seen = new Set<unknown>();
    for (const [path, module] of this.namedModules()) {
      for (const [name, value] of Object.entries(module)) {
        if ((isTensor(value) || isQuantizedWeight(value)) && !seen.has(value)) {
          seen.add(value);
          found.set(join(path, name), value);
        }
      }
    }
    return found;
  }

  /** As `namedWeights`, without the quantised ones, which are constant. */
  namedParameters(): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    for (const [key, weight] of this.namedWeights()) if (isTensor(weight)) found.set(key, weight);
    return found;
  }

  /** The parameters in the order of `namedParameters`. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Number of elements of all weights. */
  parameterCount(): number {
    let count = 0;
    for (const { shape } of this.namedWeights().values()) count += shape.reduce((size, n) => size * n, 1);
    return count;
  }

  /** Training mode (`mode` true) or evaluation mode for this module and all below. */
  train(mode = true): this {
    structureChanged();
    for (const [path, module] of this.namedModules()) {
      module.#training = mode;
      module.#path = path;
    }
    return this;
  }

  /** Evaluation mode: dropout does nothing. */
  eval(): this {
    return this.train(false);
  }

  /**
   * Checks names and shapes of a state against the weights, before anything is read or written.
   *
   * @param shapes Shape of every tensor by key.
   * @throws LayersError `state` naming missing keys, unexpected keys and shapes that differ.
   */
  checkState(shapes: ReadonlyMap<string, readonly number[]>): void {
    const own = new Map([...this.namedWeights()].map(([key, { shape }]) => [key, shape]));
    const problems = stateProblems(own, shapes);
    if (problems.length > 0) {
      throw new LayersError(
        'state',
        `[${this.constructor.name}] the state does not fit the module; ${problems.join('; ')}`,
      );
    }
  }

  /**
   * Copies values into the parameters, in place, converting to their dtype; quantised weights are put in the place of
   * what was there (`setWeight`), and so are tensors where a quantised weight was. Nothing changes if a check fails.
   *
   * @param state A weight for every key, as `namedWeights` of a module of the same architecture gives it.
   * @throws LayersError `state` for missing or unexpected keys and shapes that differ; `value` where a weight can't be
   *   quantised.
   */
  load(state: ReadonlyMap<string, Tensor | QuantizedWeight>): this {
    this.checkState(new Map([...state].map(([key, value]) => [key, value.shape])));
    const weights = this.namedWeights();
    for (const [key, source] of state) if (isQuantizedWeight(source)) this.#checkQuantizable(key);
    for (const [key, p] of weights) {
      const source = state.get(key);
      if (source === undefined || source === p) continue;
      if (isTensor(p) && isTensor(source)) copyInPlace(p, source);
      else this.setWeight(key, source);
    }
    return this;
  }

  /**
   * Puts a weight in the place of the one at `key`, wherever that one is used, and gives the old one's memory back.
   * This is how a model gets quantised weights, and dense ones again. A tensor should be a `parameter`.
   *
   * @param weight Of the same shape. Linear and Embedding take quantised ones.
   * @throws LayersError `state` for a key or shape that does not fit; `value` where the weight can't be quantised.
   *
   * @example
   * ```ts
   * import { Linear, initializer } from '@tessera-llm/layers';
   * import { isTensor, quantize } from '@tessera-llm/tensor';
   * const layer = new Linear(64, 8, { init: initializer({ seed: 1 }) });
   * if (isTensor(layer.weight)) layer.setWeight('weight', await quantize(layer.weight, 'Q8_0'));
   * console.log([...layer.namedParameters().keys()]); // bias: the quantised weight is constant
   * ```
   */
  setWeight(key: string, weight: Tensor | QuantizedWeight): this {
    const old = this.namedWeights().get(key);
    if (old === undefined || `${old.shape}` !== `${weight.shape}`) {
      const wanted = old === undefined ? 'the key of a weight' : `a weight of shape (${old.shape.join(', ')})`;
      throw new LayersError(
        'state',
        `[${this.constructor.name}] expected ${wanted}, got ${key} with shape (${weight.shape.join(', ')})`,
      );
    }
    if (isQuantizedWeight(weight)) this.#checkQuantizable(key);
    structureChanged();
    for (const [module, name] of this.#usesOf(old)) Reflect.set(module, name, weight);
    if (old !== weight) old.dispose();
    return this;
  }

  /** True for fields that a quantised weight may stand in; layers that multiply by one say so. */
  protected takesQuantized(_name: string): boolean {
    return false;
  }

  #usesOf(weight: unknown): [module: Module, name: string][] {
    const uses: [Module, string][] = [];
    for (const module of this.namedModules().values()) {
      for (const [name, value] of Object.entries(module)) if (value === weight) uses.push([module, name]);
    }
    return uses;
  }

  #checkQuantizable(key: string): void {
    for (const [module, name] of this.#usesOf(this.namedWeights().get(key))) {
      if (!module.takesQuantized(name)) {
        throw new LayersError(
          'value',
          `[${module.constructor.name}] expected a tensor for ${key}, got a quantised weight; ` +
            'weights of Linear and Embedding can be quantised, dequantize() gives a tensor',
        );
      }
    }
  }

  /** Gives the memory of all weights back, shared ones too. The module can't be used afterwards. */
  dispose(): void {
    for (const weight of this.namedWeights().values()) weight.dispose();
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}
