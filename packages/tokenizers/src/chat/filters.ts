import { attributePath } from './access';
import { ArgReader } from './arguments';
import type { Filter } from './filter';
import { soughtKey } from './keys';
import { listFilters } from './list-filters';
import { MarkedText } from './marked-text';
import { markupFilters } from './markup-filters';
import { numberFilters } from './number-filters';
import { str } from './repr';
import type { Run } from './run';
import { scalarFilters } from './scalar-filters';
import { type Test, valueTests } from './tests';
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

/** `select`, `reject` and, with an attribute first, `selectattr` and `rejectattr`. */
function selecting(wanted: boolean, byAttribute: boolean): Filter {
  return (run, value, _, raw) => {
    const [first, ...others] = raw.list;
    const [test, args] = byAttribute ? [others[0], others.slice(1)] : [first, others];
    if (byAttribute && first === undefined) return run.fail('Missing parameter for attribute name');
    const keep = (item: Value): boolean => {
      const asked = byAttribute ? attributePath(run, item, first as Value) : item;
      run.charge(1);
      if (test === undefined) return truthy(asked) === wanted;
      return applyTest(run, str(run, test).text, asked, args) === wanted;
    };
    return new Stream('select_or_reject', () => (truthy(value) ? iterate(run, value).filter(keep) : []));
  };
}

const filters: Readonly<Record<string, Filter>> = {
  ...scalarFilters,
  ...markupFilters,
  ...numberFilters,
  ...listFilters,
  map,
  reject: selecting(false, false),
  rejectattr: selecting(false, true),
  select: selecting(true, false),
  selectattr: selecting(true, true),
};

/** Jinja's, and not here: a template fails where it comes to one, not before. */
const absent = ['random', 'urlize'];

export const hasFilter = (name: string): boolean => Object.hasOwn(filters, name) || absent.includes(name);

export const hasTest = (name: string): boolean => tests.has(name);

/** True for a name that `has` knows. @throws TokenizerError `template` for what can't be looked up. */
function named(run: Run, value: Value, has: (name: string) => boolean): boolean {
  soughtKey(run, value);
  return value instanceof MarkedText && has(value.text);
}

/** What `is NAME` may ask. */
const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ...valueTests,
  ['filter', (run, value) => named(run, value, hasFilter)],
  ['test', (run, value) => named(run, value, hasTest)],
]);

/** @throws TokenizerError `template` for a filter that there is not. */
export function applyFilter(run: Run, name: string, value: Value, raw: Args): Value {
  run.charge(1 + sizeOf(value));
  const filter = Object.hasOwn(filters, name) ? filters[name] : undefined;
  if (filter === undefined) return run.fail(`No filter named '${name}'.`);
  return filter(run, value, (...parameters) => new ArgReader(run, `the filter ${name}`, raw, parameters), raw);
}

/** @throws TokenizerError `template` for a test that there is not. */
export function applyTest(run: Run, name: string, value: Value, args: readonly Value[]): boolean {
  run.charge(1);
  const test = tests.get(name) ?? run.fail(`No test named '${name}'.`);
  const wanted = test.length > 2 ? 1 : 0;
  if (args.length !== wanted) run.fail(`expected ${wanted} argument(s) of the test ${name}, got ${args.length}`);
  return test(run, value, args);
}
