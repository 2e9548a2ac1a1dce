import { getAttribute, getItem, slice } from './access';
import { applyFilter, applyTest } from './filters';
import { undefinedName } from './globals';
import { dict } from './keys';
import { Loop } from './loop';
import { MarkedText } from './marked-text';
import { binary, compared, unary } from './operators';
import { str } from './repr';
import type { Run } from './run';
import type { Scope } from './scope';
import type { CallArguments, Expression, FilterCall } from './syntax';
import {
  type Args,
  Callable,
  Dict,
  List,
  Num,
  Undefined,
  type Value,
  concat,
  describe,
  int,
  iterate,
  none,
  text,
  truthy,
  typeName,
} from './values';

/** The value of an expression. */
export function evaluate(run: Run, node: Expression, scope: Scope): Value {
  run.charge(1);
  switch (node.type) {
    case 'String':
      return text(node.value);
    case 'Integer':
      return int(node.value);
    case 'Float':
      return new Num(node.value, true);
    case 'Constant':
      return node.value ?? none;
    case 'List':
    case 'Tuple':
      return new List(
        node.items.map((item) => evaluate(run, item, scope)),
        node.type === 'Tuple',
      );
    case 'Dict':
      return dict(
        run,
        node.entries.map(([key, value]) => [evaluate(run, key, scope), evaluate(run, value, scope)]),
      );
    case 'Name':
      return scope.get(node.name) ?? undefinedName(node.name);
    case 'Attribute':
      return getAttribute(run, evaluate(run, node.object, scope), node.name);
    case 'Item':
      return getItem(run, evaluate(run, node.object, scope), evaluate(run, node.key, scope));
    case 'Slice': {
      const object = evaluate(run, node.object, scope);
      const [start, stop, step] = node.bounds.map((bound) => (bound === null ? none : evaluate(run, bound, scope)));
      return slice(run, object, [start as Value, stop as Value, step as Value]);
    }
    case 'Call': {
      const callee = evaluate(run, node.callee, scope);
      return callValue(run, callee, evaluateArguments(run, node.args, scope));
    }
    case 'Filter':
      return filtered(run, node.filter, evaluate(run, node.operand, scope), scope);
    case 'Test': {
      const value = evaluate(run, node.operand, scope);
      const { list, named } = evaluateArguments(run, node.args, scope);
      return applyTest(run, node.name, value, [...list, ...named.values()]);
    }
    case 'Unary':
      return unary(run, node.op, evaluate(run, node.operand, scope));
    case 'Binary':
      return binary(run, node.op, evaluate(run, node.left, scope), evaluate(run, node.right, scope));
    case 'Logic': {
      const left = evaluate(run, node.left, scope);
      return truthy(left) === (node.op === 'and') ? evaluate(run, node.right, scope) : left;
    }
    case 'Concat':
      return concat(
        run,
        node.parts.map((part) => str(run, evaluate(run, part, scope))),
      );
    case 'Compare': {
      let left = evaluate(run, node.first, scope);
      for (const [op, other] of node.rest) {
        const right = evaluate(run, other, scope);
        if (!compared(run, op, left, right)) return false;
        left = right;
      }
      return true;
    }
    case 'Condition':
      if (truthy(evaluate(run, node.test, scope))) return evaluate(run, node.then, scope);
      if (node.otherwise !== null) return evaluate(run, node.otherwise, scope);
      return new Undefined('the condition was false and there is no else');
    case 'NamespaceField':
      return run.fail('a field of a namespace can only be assigned to here');
  }
}

/** A value after a filter. */
export function filtered(run: Run, { name, args }: FilterCall, value: Value, scope: Scope): Value {
  return applyFilter(run, name, value, evaluateArguments(run, args, scope));
}

/** The values of a call's arguments. */
export function evaluateArguments(run: Run, nodes: CallArguments, scope: Scope): Args {
  const list = nodes.list.map((node) => evaluate(run, node, scope));
  const named = new Map<string, Value>();
  for (const [name, node] of nodes.named) named.set(name, evaluate(run, node, scope));
  if (nodes.spread !== null) {
    const items = iterate(run, evaluate(run, nodes.spread, scope));
    run.charge(items.length);
    for (const item of items) list.push(item);
  }
  if (nodes.namedSpread !== null) {
    const given = evaluate(run, nodes.namedSpread, scope);
    if (!(given instanceof Dict)) return run.fail(`expected a mapping after **, got ${describe(given)}`);
    const keys = new Map<string, MarkedText>();
    for (const [key, value] of given.entries.values()) {
      if (!(key instanceof MarkedText)) return run.fail(`expected strings as names of arguments, got ${describe(key)}`);
      if (named.has(key.text)) return run.fail(`got the argument '${key.text}' twice`);
      named.set(key.text, value);
      keys.set(key.text, key);
    }
    return { list, named, keys };
  }
  return { list, named };
}

/** Calls a value. @throws TokenizerError `template` for what can't be called. */
export function callValue(run: Run, callee: Value, args: Args): Value {
  run.charge(1);
  if (callee instanceof Callable) return callee.call(args);
  if (callee instanceof Loop) return callee.call(args.list);
  if (callee instanceof Undefined) return run.fail(callee.hint);
  return run.fail(`'${typeName(callee)}' object is not callable`);
}
