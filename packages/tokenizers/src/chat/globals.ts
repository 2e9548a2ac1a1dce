import { ArgReader } from './arguments';
import { dict } from './keys';
import { str } from './repr';
import type { Run } from './run';
import { strftime } from './strftime';
import {
  type Args,
  Callable,
  Dict,
  Namespace,
  Undefined,
  type Value,
  View,
  int,
  iterate,
  nameOf,
  none,
  text,
} from './values';

/** Names that cannot be stored on a namespace in transformers' sandbox either. */
function checkName(run: Run, name: string): void {
  if (name.startsWith('_'))
    run.fail(`expected a name without an underscore at its beginning on a namespace, got '${name}'`);
}

export function setField(run: Run, object: Value, name: string, value: Value): void {
  if (!(object instanceof Namespace) || object.name !== 'namespace') {
    return run.fail('cannot assign attribute on non-namespace object');
  }
  checkName(run, name);
  object.fields.set(name, value);
}

function pairsOf(run: Run, args: Args): [Value, Value][] {
  const pairs: [Value, Value][] = [];
  for (const given of args.list) {
    if (given instanceof Dict) for (const entry of given.entries.values()) pairs.push([...entry]);
    else {
      for (const item of iterate(run, given)) {
        const [key, value, ...rest] = iterate(run, item);
        if (key === undefined || value === undefined || rest.length > 0)
          return run.fail('expected pairs of key and value');
        pairs.push([key, value]);
      }
    }
  }
  for (const [name, value] of args.named) pairs.push([nameOf(args, name), value]);
  return pairs;
}

/** As in transformers' sandbox. */
const maxRange = 100_000;

function range(run: Run, args: Args): View {
  const numbers = args.list.map((_, i) => {
    const names = args.list.length === 1 ? ['stop'] : ['start', 'stop', 'step'];
    return new ArgReader(run, 'range()', args, names).int(names[i] as string);
  });
  if (numbers.length === 0) return run.fail('range expected at least 1 argument, got 0');
  const [start, stop, step] =
    numbers.length === 1
      ? [0, numbers[0] as number, 1]
      : ([...(numbers as [number, number]), 1].slice(0, 3) as [number, number, number]);
  if (step === 0) return run.fail('range() arg 3 must not be zero');
  const count = Math.max(0, Math.ceil((stop - start) / step));
  if (count > maxRange) return run.fail(`expected a range of at most ${maxRange} numbers, got one of ${count}`);
  run.charge(count);
  const items = Array.from({ length: count }, (_, i) => int(start + i * step));
  return new View('range', items, [start, stop, step]);
}

/** Gives its items in turn, over and over. */
function cycler(run: Run, args: Args): Namespace {
  if (args.list.length === 0) return run.fail('at least one item has to be provided');
  let at = 0;
  const current = () => args.list[at] as Value;
  const made = new Namespace(new Map(), 'cycler');
  const update = () => made.fields.set('current', current());
  made.fields.set(
    'next',
    new Callable('next', () => {
      const given = current();
      at = (at + 1) % args.list.length;
      update();
      return given;
    }),
  );
  made.fields.set(
    'reset',
    new Callable('reset', () => {
      at = 0;
      update();
      return none;
    }),
  );
  update();
  return made;
}

/** `dict.fromkeys(keys, value)`. */
function fromKeys(run: Run, args: Args): Dict {
  const [keys, value = none, ...rest] = args.list;
  if (keys === undefined || rest.length > 0) {
    return run.fail(`dict.fromkeys() expects keys and a value, got ${args.list.length} argument(s)`);
  }
  if (args.named.size > 0) return run.fail('dict.fromkeys() takes no keyword arguments');
  return dict(
    run,
    iterate(run, keys).map((key): [Value, Value] => [key, value]),
  );
}

/** What every template can use: Jinja's and transformers' functions. */
export function globals(run: Run): Map<string, Value> {
  const functions: Readonly<Record<string, (args: Args) => Value>> = {
    raise_exception: (args) => {
      const message = str(run, new ArgReader(run, 'raise_exception()', args, ['message']).need('message')).text;
      return run.fail(message, { cause: new Error(message) });
    },
    strftime_now: (args) => {
      const format = new ArgReader(run, 'strftime_now()', args, ['format']).text('format');
      return format.derive(strftime(run.now, format.text));
    },
    namespace: (args) => {
      const fields = new Map<string, Value>();
      for (const [key, value] of pairsOf(run, args)) {
        const name = str(run, key).text;
        checkName(run, name);
        fields.set(name, value);
      }
      return new Namespace(fields);
    },
    range: (args) => range(run, args),
    cycler: (args) => cycler(run, args),
    joiner: (args) => {
      const between = new ArgReader(run, 'joiner()', args, ['sep']).text('sep', ', ');
      let used = false;
      return new Callable('joiner', () => {
        const given = used ? between : text('');
        used = true;
        return given;
      });
    },
  };
  const made = new Map<string, Value>();
  for (const [name, call] of Object.entries(functions)) made.set(name, new Callable(name, call));
  const fromkeys = new Callable('fromkeys', (args) => fromKeys(run, args));
  const toDict = (args: Args) => dict(run, pairsOf(run, args));
  return made.set('dict', new Callable('dict', toDict, 'function', new Map([['fromkeys', fromkeys]])));
}

export function undefinedName(name: string): Undefined {
  return new Undefined(`'${name}' is undefined`);
}
