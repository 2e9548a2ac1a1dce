import { type Tensor, copyInPlace, isLabelling, isTensor, labelled } from '@tessera-llm/tensor';
import { LayersError } from './errors';

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

  /** Every parameter by its checkpoint key, in the order of declaration. A tensor used twice appears once. */
  namedParameters(): Map<string, Tensor> {
    const found = new Map<string, Tensor>();
    const seen = new Set<Tensor>();
    for (const [path, module] of this.namedModules()) {
      for (const [name, value] of Object.entries(module)) {
        if (isTensor(value) && !seen.has(value)) {
          seen.add(value);
          found.set(join(path, name), value);
        }
      }
    }
    return found;
  }

  /** The parameters in the order of `namedParameters`. */
  parameters(): Tensor[] {
    return [...this.namedParameters().values()];
  }

  /** Number of parameter elements. */
  parameterCount(): number {
    return this.parameters().reduce((sum, p) => sum + p.size, 0);
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
   * Checks names and shapes of a state against the parameters, before anything is read or written.
   *
   * @param shapes Shape of every tensor by key.
   * @throws LayersError `state` naming missing keys, unexpected keys and shapes that differ.
   */
  checkState(shapes: ReadonlyMap<string, readonly number[]>): void {
    const parameters = this.namedParameters();
    const missing = [...parameters.keys()].filter((key) => !shapes.has(key));
    const unexpected = [...shapes.keys()].filter((key) => !parameters.has(key));
    const wrong: string[] = [];
    for (const [key, p] of parameters) {
      const got = shapes.get(key);
      if (got !== undefined && `${got}` !== `${p.shape}`) {
        wrong.push(`${key}: expected (${p.shape.join(', ')}), got (${got.join(', ')})`);
      }
    }
    const problems = [
      missing.length > 0 ? `missing keys: ${list(missing)}` : '',
      unexpected.length > 0 ? `unexpected keys: ${list(unexpected)}` : '',
      wrong.length > 0 ? `wrong shapes: ${list(wrong)}` : '',
    ].filter((problem) => problem !== '');
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
   * @throws LayersError `state` for missing or unexpected keys and shapes that differ.
   */
  load(state: ReadonlyMap<string, Tensor>): this {
    this.checkState(new Map([...state].map(([key, value]) => [key, value.shape])));
    for (const [key, p] of this.namedParameters()) {
      const source = state.get(key);
      if (source !== undefined && source !== p) copyInPlace(p, source);
    }
    return this;
  }

  /** Gives the memory of all parameters back. The module can't be used afterwards. */
  dispose(): void {
    for (const p of this.parameters()) p.dispose();
  }
}

/** Modules that compute while a profile is taken, outermost first. */
const running: Module[] = [];
const knownPaths = new WeakMap<Module, Map<Module, string>>();

/** Path of a module below another; undefined if it isn't there. */
function pathBelow(above: Module, module: Module): string | undefined {
  const known = knownPaths.get(above)?.get(module);
  if (known !== undefined) return known;
  const paths = new Map([...above.namedModules()].map(([path, m]) => [m, path]));
  knownPaths.set(above, paths);
  return paths.get(module);
}

/** Runs a module's computation under its path below the module that called it, or below the root. */
function announced(module: Module, run: () => unknown): unknown {
  const caller = running[running.length - 1];
  const path = (caller && pathBelow(caller, module)) ?? module.path;
  running.push(module);
  try {
    return path === '' ? run() : labelled(path, run);
  } finally {
    running.pop();
  }
}

function join(path: string, name: string): string {
  return path === '' ? name : `${path}.${name}`;
}

/** At most eight names, so that a checkpoint of another model doesn't fill the screen. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
