import { ArgReader } from './arguments';
import { dict } from './keys';
import { str } from './repr';

import type { Run } from './run';
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

const days = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'];
const months = [
  'January',
  'February',
  'March',
  'April',
  'May',
  'June',
  'July',
  'August',
  'September',
  'October',
  'November',
  'December',
];

/** `strftime` of Python in the C locale, local time. */
function strftime(date: Date, format: string): string {
  const two = (value: number, fill = '0') => String(value).padStart(2, fill);
  const hour12 = date.getHours() % 12 || 12;
  const start = new Date(date.getFullYear(), 0, 1);
  const dayOfYear =
    Math.round(
      (Date.UTC(date.getFullYear(), date.getMonth(), date.getDate()) - Date.UTC(start.getFullYear(), 0, 1)) / 864e5,
    ) + 1;
  const parts: Readonly<Record<string, () => string>> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    e: () => two(date.getDate(), ' '),
    H: () => two(date.getHours()),
    I: () => two(hour12),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    f: () => `${String(date.getMilliseconds()).padStart(3, '0')}000`,
    p: () => (date.getHours() < 12 ? 'AM' : 'PM'),
    B: () => months[date.getMonth()] as string,
    b: () => (months[date.getMonth()] as string).slice(0, 3),
    h: () => (months[date.getMonth()] as string).slice(0, 3),
    A: () => days[date.getDay()] as string,
    a: () => (days[date.getDay()] as string).slice(0, 3),
    w: () => String(date.getDay()),
    u: () => String(date.getDay() || 7),
    j: () => String(dayOfYear).padStart(3, '0'),
    F: () => `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`,
    T: () => `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`,
    R: () => `${two(date.getHours())}:${two(date.getMinutes())}`,
    c: () => strftime(date, '%a %b %e %H:%M:%S %Y'),
    x: () => strftime(date, '%m/%d/%y'),
    X: () => strftime(date, '%H:%M:%S'),
    D: () => strftime(date, '%m/%d/%y'),
    r: () => strftime(date, '%I:%M:%S %p'),
    P: () => (date.getHours() < 12 ? 'am' : 'pm'),
    C: () => two(Math.floor(date.getFullYear() / 100)),
    k: () => two(date.getHours(), ' '),
    l: () => two(hour12, ' '),
    s: () => String(Math.floor(date.getTime() / 1000)),
    U: () => two(Math.floor((dayOfYear + 6 - date.getDay()) / 7)),
    W: () => two(Math.floor((dayOfYear + 6 - ((date.getDay() + 6) % 7)) / 7)),
    V: () => two(isoWeek(date).week),
    G: () => String(isoWeek(date).year),
    g: () => two(isoWeek(date).year % 100),
    // The time that Python gives has no zone.
    z: () => '',
    Z: () => '',
    n: () => '\n',
    t: () => '\t',
    '%': () => '%',
  };
  return format.replace(/%([-_0^#]?)([a-zA-Z%])/g, (whole, flag: string, letter: string) => {
    const made = parts[letter]?.();
    if (made === undefined) return whole;
    if (flag === '^') return made.toUpperCase();
    const leading = flag === '-' ? '' : flag === '_' ? ' ' : '0';
    return flag === '' || flag === '#' || !/^[ \d]+$/.test(made)
      ? made
      : made.replace(/^[0 ]+(?=.)/, (zeros) => leading.repeat(zeros.length));
  });
}

/** Week and year of ISO 8601: a week belongs to the year of its Thursday. */
function isoWeek(date: Date): { readonly week: number; readonly year: number } {
  const day = Date.UTC(date.getFullYear(), date.getMonth(), date.getDate());
  const thursday = new Date(day + (4 - (date.getDay() || 7)) * 864e5);
  const year = thursday.getUTCFullYear();
  return { week: Math.floor((thursday.getTime() - Date.UTC(year, 0, 1)) / (7 * 864e5)) + 1, year };
}

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
    dict: (args) => dict(run, pairsOf(run, args)),
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
  return new Map(Object.entries(functions).map(([name, call]) => [name, new Callable(name, call)]));
}

export function undefinedName(name: string): Undefined {
  return new Undefined(`'${name}' is undefined`);
}
