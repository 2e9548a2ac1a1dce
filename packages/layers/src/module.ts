import { type Tensor, copyInPlace, isQuantizedWeight, isTensor } from '@tessera-llm/tensor';
import { LayersError } from './errors';
import type { Weight } from './weight';

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

  /** Every weight by its checkpoint key, quantised ones too, in the order of declaration. One used twice appears once. */
  namedWeights(): Map<string, Weight> {
    const found = new Map<string, Weight>();
    const seen = new Set<Weight>();
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

  /** Every parameter by its checkpoint key: the weights that are tensors. */
  namedParameters(): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    for (const [key, weight] of this.namedWeights()) if (isTensor(weight)) found.set(key, weight);
    return found;
  }

  /** The parameters in the order of `namedParameters`. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Number of elements of all weights, quantised ones included. */
  parameterCount(): number {
    let count = 0;
    for (const { shape } of this.namedWeights().values()) count += shape.reduce((size, n) => size * n, 1);
    return count;
  }

  /** Training mode (`mode` true) or evaluation mode for this module and all below. */
  train(mode = true): this {
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
   * Copies values into the parameters, in place, converting to their dtype. Nothing changes if a check fails.
   *
   * @param state A tensor for every parameter, as `namedParameters` of a module of the same architecture gives it.
   * @throws LayersError `state` for missing or unexpected keys and shapes that differ, and for quantised weights, which
   * are constant.
   */
  load(state: ReadonlyMap<string, Tensor>): this {
    this.checkState(new Map([...state].map(([key, value]) => [key, value.shape])));
    const constant = [...this.namedWeights()].filter(([, weight]) => !isTensor(weight)).map(([key]) => key);
    if (constant.length > 0) {
      throw new LayersError('state', `[load] expected weights that can change, got quantised ones: ${list(constant)}`);
    }
    for (const [key, p] of this.namedParameters()) {
      const source = state.get(key);
      if (source !== undefined && source !== p) copyInPlace(p, source);
    }
    return this;
  }

  /** Gives the memory of all weights back. The module can't be used afterwards. */
  dispose(): void {
    for (const weight of this.namedWeights().values()) weight.dispose();
  }
}

/**
 * What is wrong with a state of these shapes for weights of those; empty: nothing.
 *
 * @param expected Shape of every weight by key.
 * @param got Shape of every tensor by key.
 */
export function stateProblems(
  expected: ReadonlyMap<string, readonly number[]>,
  got: ReadonlyMap<string, readonly number[]>,
): string[] {
  const missing = [...expected.keys()].filter((key) => !got.has(key));
  const unexpected = [...got.keys()].filter((key) => !expected.has(key));
  const wrong: string[] = [];
  for (const [key, want] of expected) {
    const shape = got.get(key);
    if (shape !== undefined && `${shape}` !== `${want}`) {
      wrong.push(`${key}: expected (${want.join(', ')}), got (${shape.join(', ')})`);
    }
  }
  return [
    missing.length > 0 ? `missing keys: ${list(missing)}` : '',
    unexpected.length > 0 ? `unexpected keys: ${list(unexpected)}` : '',
    wrong.length > 0 ? `wrong shapes: ${list(wrong)}` : '',
  ].filter((problem) => problem !== '');
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** At most eight names, so that a checkpoint of another model doesn't fill the screen. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
