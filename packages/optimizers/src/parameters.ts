import { isTensor, type Tensor } from '@tessera-llm/tensor';
import { OptimizerError } from './errors.js';

/** Tensors by name: a record, a Map (as `Module.namedParameters()` gives), or pairs. */
export type NamedTensors = Readonly<Record<string, Tensor>> | Iterable<readonly [string, Tensor]>;

/** Parameters with settings of their own; what is not given comes from the optimizer's settings. */
export type ParameterGroup<S> = { readonly params: NamedTensors } & Readonly<Partial<S>>;

/** What an optimizer updates: all parameters alike, or groups. */
export type Parameters<S> = NamedTensors | readonly ParameterGroup<S>[];

/** A group with its parameters as pairs and the settings that it sets itself, by name. */
interface Group {
  readonly entries: readonly (readonly [string, Tensor])[];
  readonly own: object;
}

/** The pairs of named tensors. */
export function entriesOf(named: NamedTensors): (readonly [string, Tensor])[] {
  return Symbol.iterator in named ? [...named] : Object.entries(named);
}

/**
 * The groups of a parameters argument: one for plain named tensors.
 *
 * @throws OptimizerError `invalid_parameters` for none, one twice, one that is not float32.
 */
export function groupsOf<S>(op: string, parameters: Parameters<S>): Group[] {
  if (!isRecord(parameters)) throw bad(op, 'named tensors or groups of them', String(parameters));
  const groups: Group[] = isGroups(parameters)
    ? parameters.map((group) => groupOf(op, group))
    : [{ entries: pairsOf(op, parameters), own: {} }];
  const names = new Set<string>();
  const seen = new Map<Tensor, string>();
  for (const { entries } of groups) {
    for (const [name, param] of entries) {
      if (!isTensor(param)) throw bad(op, `a tensor named ${name}`, typeof param);
      if (param.dtype !== 'float32') throw bad(op, `${name} to be float32 (master weights)`, param.dtype);
      const twin = seen.get(param);
      if (names.has(name) || twin !== undefined)
        throw bad(op, 'each parameter once', `${name} twice${twin ? `, also as ${twin}` : ''}`);
      names.add(name);
      seen.set(param, name);
    }
  }
  if (names.size === 0) throw bad(op, 'at least one parameter', 'none');
  return groups;
}

function groupOf<S>(op: string, group: ParameterGroup<S>): Group {
  const { params, ...own }: { params?: unknown } = isTensor(group) ? {} : (group ?? {});
  if (!isRecord(params) || isTensor(params)) throw bad(op, 'groups of { params: named tensors, ... }', String(params));
  return { entries: pairsOf(op, params as NamedTensors), own };
}

/** Entries that are pairs indeed: groups and pairs in one list are neither, nor is a list of tensors without names. */
function pairsOf(op: string, named: NamedTensors): (readonly [string, Tensor])[] {
  // Read once: an iterator gives its entries no second time.
  const entries = entriesOf(named);
  if (entries.every(isPair)) return entries;
  throw bad(op, 'pairs of a name and a tensor', 'a list with something else');
}

const isPair = (entry: unknown) => Array.isArray(entry) && entry.length === 2 && typeof entry[0] === 'string';

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

function isGroups<S>(parameters: Parameters<S>): parameters is readonly ParameterGroup<S>[] {
  return Array.isArray(parameters) && parameters.every((item) => !Array.isArray(item));
}

function bad(op: string, expected: string, got: string): OptimizerError {
  return new OptimizerError('invalid_parameters', `[${op}] expected ${expected}, got ${got}`);
}
