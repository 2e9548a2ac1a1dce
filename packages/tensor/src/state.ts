import type { Backend, Kernels } from './backend/contract';
import { TensorError } from './errors';
import { version } from '../package.json';
import type { Tape } from './tape';
import type { Tensor } from './tensor';

/** Number of the in-process protocol; copies of this package with the same number share one state. */
const protocol = 1;

/** What must exist once in a process, whatever copies of the package are loaded. */
export interface State {
  readonly protocol: number;
  readonly version: string;
  /** Open scopes, innermost last. */
  readonly scopes: Tensor[][];
  /** The tape that records, or null. */
  tape: Tape | null;
  nextTapeId: number;
  backend: Backend | null;
  /** Backends that were made, by name. */
  readonly backends: Map<string, Backend>;
  /** Stands between ops and kernels while profiling or looking for NaN. */
  intercept: ((backend: Backend) => Kernels) | null;
  /** Path of the module whose forward pass runs, for the profile. */
  readonly labels: string[];
  /** True while a backward pass runs. */
  backward?: boolean;
  liveTensors: number;
  /** Notices already given, so that each appears once. */
  readonly noticed: Set<string>;
}

function isState(value: unknown): value is State {
  return typeof value === 'object' && value !== null && 'protocol' in value && 'version' in value;
}

function join(): State {
  const key = Symbol.for('tessera.tensor');
  const existing: unknown = Reflect.get(globalThis, key);
  if (isState(existing)) {
    if (existing.protocol !== protocol) {
      throw new TensorError(
        'protocol',
        `[tensor] two incompatible copies of @tessera-llm/tensor are loaded: ${existing.version} ` +
          `(protocol ${existing.protocol}) and ${version} (protocol ${protocol}); ` +
          'install one version, for example with your package manager’s dedupe command',
      );
    }
    return existing;
  }
  const state: State = {
    protocol,
    version,
    scopes: [],
    tape: null,
    nextTapeId: 1,
    backend: null,
    backends: new Map(),
    intercept: null,
    labels: [],
    liveTensors: 0,
    noticed: new Set(),
  };
  Reflect.set(globalThis, key, state);
  return state;
}

/** The process-wide state. */
export const state: State = join();

/** The kernels that an op on this backend calls. */
export function kernelsOf(backend: Backend): Kernels {
  return state.intercept === null ? backend.kernels : state.intercept(backend);
}
