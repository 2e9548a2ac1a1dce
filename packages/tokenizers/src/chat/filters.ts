import { attributePath } from './access';
import { ArgReader } from './arguments';
import type { Filter } from './filter';
import { listFilters } from './list-filters';
import { str } from './repr';
import type { Run } from './run';
import { scalarFilters } from './scalar-filters';
import { type Args, List, Undefined, type Value, iterate, sizeOf } from './values';

const map: Filter = (run, value, _, raw: Args) => {
  const attribute = raw.named.get('attribute');
  const items = iterate(run, value);
  run.charge(items.length);
  if (attribute !== undefined) {
    const otherwise = raw.named.get('default');
    return new List(
      items.map((item) => {
        const found = attributePath(run, item, attribute);
        return found instanceof Undefined && otherwise !== undefined ? otherwise : found;
      }),
    );
  }
  const [name, ...list] = raw.list;
  if (name === undefined) return run.fail('map requires a filter argument');
  return new List(items.map((item) => applyFilter(run, str(run, name).text, item, { list, named: raw.named })));
};

const filters: Readonly<Record<string, Filter>> = { ...scalarFilters, ...listFilters, map };

/** @throws TokenizerError `template` for a filter that there is not. */
export function applyFilter(run: Run, name: string, value: Value, raw: Args): Value {
  run.charge(1 + sizeOf(value));
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (filter === undefined) return run.fail(`No filter named '${name}'.`);
  return filter(run, value, (...parameters) => new ArgReader(run, `the filter ${name}`, raw, parameters), raw);
}
