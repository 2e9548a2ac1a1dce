import { attributePath } from './access';
import { ArgReader } from './arguments';
import type { Filter } from './filter';
import { listFilters } from './list-filters';
import { numberFilters } from './number-filters';
import { str } from './repr';
import type { Run } from './run';
import { scalarFilters } from './scalar-filters';
import { type Args, Stream, type Value, iterate, sizeOf, truthy } from './values';

const map: Filter = (run, value, _, raw: Args) => {
  const attribute = raw.named.get('attribute');
  const [name, ...list] = raw.list;
  const change = (): ((item: Value) => Value) => {
    if (name !== undefined) return (item) => applyFilter(run, str(run, name).text, item, { list, named: raw.named });
    if (attribute === undefined) return run.fail('map requires a filter argument');
    for (const key of raw.named.keys()) {
      if (key !== 'attribute' && key !== 'default') run.fail(`map got an unexpected keyword argument '${key}'`);
    }
    return (item) => attributePath(run, item, attribute, raw.named.get('default'));
  };
  return new Stream('map', () => {
    if (!truthy(value)) return [];
    const items = iterate(run, value);
    run.charge(items.length);
    return items.map(change());
  });
};

const filters: Readonly<Record<string, Filter>> = { ...scalarFilters, ...numberFilters, ...listFilters, map };

/** @throws TokenizerError `template` for a filter that there is not. */
export function applyFilter(run: Run, name: string, value: Value, raw: Args): Value {
  run.charge(1 + sizeOf(value));
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (filter === undefined) return run.fail(`No filter named '${name}'.`);
  return filter(run, value, (...parameters) => new ArgReader(run, `the filter ${name}`, raw, parameters), raw);
}
