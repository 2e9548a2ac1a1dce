import { keyOr } from './keys';
import { methodOf } from './methods';
import { MarkedText } from './marked-text';
import type { Run } from './run';
import {
  Callable,
  Dict,
  List,
  Namespace,
  type Num,
  Undefined,
  type Value,
  View,
  describe,
  int,
  iterate,
  lengthOf,
  none,
  numeric,
  text,
  typeName,
} from './values';

function itemOf(run: Run, object: Value, key: Value): Value | undefined {
  if (object instanceof Dict) {
    // As in Jinja, what can't be a key is not there.
    const place = keyOr(run, key, () => null);
    return place === null ? undefined : object.entries.get(place)?.[1];
  }
  const number = numeric(key);
  if (number === null || number.float) return undefined;
  if (object instanceof List || (object instanceof View && object.name === 'range')) {
    return object.items.at(number.value);
  }
  if (!(object instanceof MarkedText)) return undefined;
  const places = object.points();
  const length = places === null ? object.length : places.length - 1;
  const at = number.value < 0 ? number.value + length : number.value;
  if (at < 0 || at >= length) return undefined;
  return places === null ? object.slice(at, at + 1) : object.slice(places[at] as number, places[at + 1]);
}

function attributeOf(run: Run, object: Value, name: string): Value | undefined {
  if (object instanceof Namespace) return object.field(name);
  if (object instanceof Callable) return object.fields.get(name);
  if (object instanceof List && object.names.includes(name)) return object.items[object.names.indexOf(name)];
  return methodOf(run, object, name);
}

function missing(object: Value, name: string): Undefined {
  return new Undefined(`'${typeName(object)} object' has no attribute '${name}'`);
}

/** `object.name`: methods first, then entries, as Jinja has it. */
export function getAttribute(run: Run, object: Value, name: string): Value {
  if (object instanceof Undefined) return run.fail(object.hint);
  return attributeOf(run, object, name) ?? itemOf(run, object, text(name)) ?? missing(object, name);
}

/** `object.name` without the entries of `object`. */
export function ownAttribute(run: Run, object: Value, name: string): Value {
  if (object instanceof Undefined) return run.fail(object.hint);
  return attributeOf(run, object, name) ?? missing(object, name);
}

/** `object[key]`: entries first. */
export function getItem(run: Run, object: Value, key: Value): Value {
  if (object instanceof Undefined) return run.fail(object.hint);
  const name = key instanceof MarkedText ? key.text : null;
  const item = itemOf(run, object, key) ?? (name === null ? undefined : attributeOf(run, object, name));
  return item ?? missing(object, name ?? describe(key));
}

/** `object[start:stop:step]`. */
export function slice(run: Run, object: Value, bounds: readonly [Value, Value, Value]): Value {
  const range = object instanceof View && object.name === 'range' ? object : null;
  if (!(object instanceof List || object instanceof MarkedText || range !== null)) {
    return run.fail(
      object instanceof Undefined ? object.hint : `expected a string or a list to slice, got ${describe(object)}`,
    );
  }
  const [start, stop, step] = bounds.map((bound) => {
    if (bound === none) return null;
    const number = numeric(bound);
    return number !== null && !number.float
      ? number.value
      : run.fail(`slice indices must be integers or None, not ${describe(bound)}`);
  }) as [number | null, number | null, number | null];
  const by = step ?? 1;
  if (by === 0) return run.fail('slice step cannot be zero');
  const places = object instanceof MarkedText ? object.points() : null;
  const length = lengthOf(run, object).value;
  const bound = (at: number | null, otherwise: number) =>
    at === null
      ? otherwise
      : Math.min(Math.max(at < 0 ? at + length : at, by > 0 ? 0 : -1), by > 0 ? length : length - 1);
  const from = bound(start, by > 0 ? 0 : length - 1);
  const to = bound(stop, by > 0 ? length : -1);
  if (object instanceof MarkedText && by === 1) {
    const unit = (at: number) => places?.[at] ?? at;
    run.charge(Math.max(0, to - from));
    return object.slice(unit(from), unit(Math.max(from, to)));
  }
  const items = iterate(run, object);
  const out: Value[] = [];
  for (let i = from; by > 0 ? i < to : i > to; i += by) out.push(items[i] as Value);
  run.charge(out.length);
  if (range !== null) {
    const [first, , stride] = range.bounds;
    return new View('range', out, [first + from * stride, first + to * stride, stride * by]);
  }
  if (object instanceof List) return new List(out, object.tuple);
  return MarkedText.concat(out as MarkedText[]).as(object instanceof MarkedText && object.safe);
}

/** `a.b.0` of filters, with what stands for a part that is not there. */
export function attributePath(run: Run, value: Value, path: Value, otherwise: Value = none): Value {
  const number = numeric(path);
  if (number === null && !(path instanceof MarkedText)) {
    return run.fail(`expected a name as attribute, got ${describe(path)}`);
  }
  const parts = path instanceof MarkedText ? path.text.split('.') : [number as Num];
  let at = value;
  for (const part of parts) {
    const key = typeof part !== 'string' ? part : /^\d+$/.test(part) ? int(Number(part)) : text(part);
    at = getItem(run, at, key);
    if (at instanceof Undefined && otherwise !== none) at = otherwise;
  }
  return at;
}
