import { getAttribute, getItem, slice } from './access';
import { applyFilter } from './filters';
import { undefinedName } from './globals';
import { binary, unary } from './operators';
import { str } from './repr';
import type { Run } from './run';
import type { Scope } from './scope';
import { type Argument, type Call, type Expression, type Identifier, testPrefix, tupleName } from './syntax';
import { applyTest } from './tests';
import {
  type Args,
  Callable,
  Dict,
  List,
  Num,
  Undefined,
  type Value,
  describe,
  dict,
  int,
  iterate,
  none,
  text,
  truthy,
  typeName,
} from './values';

/** Python's names of the constants; a template may not shadow them. */
export const constants: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', none],
  ['None', none],
]);

/** The value of an expression. */
export function evaluate(run: Run, node: Expression, scope: Scope): Value {
  run.charge(1);
  switch (node.type) {
    case 'StringLiteral':
      return text(node.value);
    case 'IntegerLiteral':
      return int(node.value);
    case 'FloatLiteral':
      return new Num(node.value, true);
    case 'ArrayLiteral':
    case 'TupleLiteral':
      return new List(
        node.value.map((item) => evaluate(run, item, scope)),
        node.type === 'TupleLiteral',
      );
    case 'ObjectLiteral':
      return dict(
        run,
        Array.from(node.value, ([key, value]): [Value, Value] => [
          evaluate(run, key, scope),
          evaluate(run, value, scope),
        ]),
      );
    case 'Identifier': {
      const constant = constants.get(node.value);
      return constant !== undefined ? constant : (scope.get(node.value) ?? undefinedName(node.value));
    }
    case 'MemberExpression': {
      const object = evaluate(run, node.object, scope);
      const { property } = node;
      if (property.type === 'SliceExpression') {
        const bound = (part: Expression | undefined) => (part === undefined ? none : evaluate(run, part, scope));
        return slice(run, object, [bound(property.start), bound(property.stop), bound(property.step)]);
      }
      if (node.computed) return getItem(run, object, evaluate(run, property, scope));
      if (property.type === 'Identifier') return getAttribute(run, object, property.value);
      return getItem(run, object, evaluate(run, property, scope));
    }
    case 'CallExpression': {
      const callee = evaluate(run, node.callee, scope);
      return callValue(run, callee, evaluateArguments(run, node.args, scope));
    }
    case 'FilterExpression':
      return filtered(run, node.filter, evaluate(run, node.operand, scope), scope);
    case 'TestExpression':
      return applyTest(run, node.test.value, evaluate(run, node.operand, scope), []) !== node.negate;
    case 'UnaryExpression':
      return unary(run, node.operator.value, evaluate(run, node.argument, scope));
    case 'BinaryExpression': {
      const left = evaluate(run, node.left, scope);
      const op = node.operator.value;
      if (op === 'and') return truthy(left) ? evaluate(run, node.right, scope) : left;
      if (op === 'or') return truthy(left) ? left : evaluate(run, node.right, scope);
      return binary(run, op, left, evaluate(run, node.right, scope));
    }
    case 'Ternary':
      return evaluate(run, truthy(evaluate(run, node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
    case 'SelectExpression':
      // Outside a loop's head this is a condition without an else.
      return truthy(evaluate(run, node.test, scope))
        ? evaluate(run, node.lhs, scope)
        : new Undefined('the condition was false and there is no else');
    default:
      return run.fail(`expected an expression, got ${(node as { type: string }).type}`);
  }
}

/** A value after a filter, or the answer of a test that stands as one. */
export function filtered(run: Run, node: Call | Identifier, value: Value, scope: Scope): Value {
  const callee = node.type === 'Identifier' ? node : node.callee;
  if (callee.type !== 'Identifier') return run.fail('expected the name of a filter after |');
  const args = node.type === 'Identifier' ? { list: [], named: new Map() } : evaluateArguments(run, node.args, scope);
  const name = callee.value;
  for (const [prefix, negated] of [
    [testPrefix.isNot, true],
    [testPrefix.is, false],
  ] as const) {
    if (name.startsWith(prefix)) {
      return applyTest(run, name.slice(prefix.length), value, args.list) !== negated;
    }
  }
  if (name === tupleName) return new List(iterate(run, value), true);
  return applyFilter(run, name, value, args);
}

/** The values of a call's arguments. */
export function evaluateArguments(run: Run, nodes: readonly Argument[], scope: Scope): Args {
  const list: Value[] = [];
  const named = new Map<string, Value>();
  for (const node of nodes) {
    if (node.type === 'KeywordArgumentExpression') named.set(node.key.value, evaluate(run, node.value, scope));
    else if (node.type === 'SpreadExpression') {
      const items = iterate(run, evaluate(run, node.argument, scope));
      run.charge(items.length);
      for (const item of items) list.push(item);
    } else if (node.type === 'KeywordSpreadExpression') {
      const given = evaluate(run, node.argument, scope);
      if (!(given instanceof Dict)) return run.fail(`expected a mapping after **, got ${describe(given)}`);
      for (const [key, value] of given.entries.values()) named.set(str(run, key).text, value);
    } else list.push(evaluate(run, node, scope));
  }
  return { list, named };
}

/** Calls a value. @throws TokenizerError `template` for what can't be called. */
export function callValue(run: Run, callee: Value, args: Args): Value {
  run.charge(1);
  if (callee instanceof Callable) return callee.call(args);
  if (callee instanceof Undefined) return run.fail(callee.hint);
  return run.fail(`'${typeName(callee)}' object is not callable`);
}
