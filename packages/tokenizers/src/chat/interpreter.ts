import { getAttribute, getItem, slice } from './access';
import { applyFilter } from './filters';
import { globals, setField, undefinedName } from './globals';
import { Loop, type LoopMemory } from './loop';
import { type MarkedText, TextBuilder } from './marked-text';
import { binary, unary } from './operators';
import { str } from './repr';
import type { Run } from './run';
import {
  type Argument,
  type CallStatement,
  type Expression,
  type For,
  type Identifier,
  type Call,
  type ParameterNode,
  type Program,
  type SetStatement,
  type Statement,
  generationName,
  testPrefix,
  tupleName,
  withName,
} from './syntax';
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

/** Deeper calls of macros are taken for endless ones. */
const maxDepth = 100;

/** Names of a scope; looked up here, then outside. */
class Scope {
  private readonly names = new Map<string, Value>();

  constructor(private readonly outer: Scope | null) {}

  get(name: string): Value | undefined {
    return this.names.get(name) ?? this.outer?.get(name);
  }

  set(name: string, value: Value): void {
    this.names.set(name, value);
  }
}

/** How a list of statements ended. */
type Ending = 'break' | 'continue' | 'end';

/** Python's names of the constants; a template may not shadow them. */
const constants: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', none],
  ['None', none],
]);

/** Renders a parsed template. */
export class Interpreter {
  constructor(private readonly run: Run) {}

  render(program: Program, variables: ReadonlyMap<string, Value>): MarkedText {
    const outermost = new Scope(null);
    for (const [name, value] of globals(this.run)) outermost.set(name, value);
    for (const [name, value] of variables) outermost.set(name, value);
    const out = new TextBuilder();
    this.outside(this.block(program.body, new Scope(outermost), out));
    return out.done();
  }

  /** A loop's statements must not end what is no loop. */
  private outside(ending: Ending): void {
    if (ending !== 'end') this.run.fail(`expected '${ending}' inside a loop, got it outside`);
  }

  private block(body: readonly Statement[], scope: Scope, out: TextBuilder): Ending {
    for (const statement of body) {
      const ending = this.statement(statement, scope, out);
      if (ending !== 'end') return ending;
    }
    return 'end';
  }

  /** What a list of statements prints. */
  private printed(body: readonly Statement[], scope: Scope): MarkedText {
    const out = new TextBuilder();
    this.outside(this.block(body, scope, out));
    return out.done();
  }

  private print(value: MarkedText, out: TextBuilder): void {
    this.run.charge(value.length + value.user.length);
    out.add(value);
  }

  private statement(node: Statement, scope: Scope, out: TextBuilder): Ending {
    this.run.charge(1);
    switch (node.type) {
      case 'Comment':
        this.run.line = Number(node.value);
        return 'end';
      case 'Break':
        return 'break';
      case 'Continue':
        return 'continue';
      case 'If':
        return this.block(truthy(this.evaluate(node.test, scope)) ? node.body : node.alternate, scope, out);
      case 'For':
        return this.loop(node, scope, out);
      case 'Set':
        this.assign(node, scope);
        return 'end';
      case 'Macro':
        scope.set(node.name.value, this.macro(node.name.value, node.args, node.body, scope));
        return 'end';
      case 'CallStatement':
        this.print(this.callBlock(node, scope), out);
        return 'end';
      case 'FilterStatement':
        this.print(str(this.run, this.filter(node.filter, this.printed(node.body, new Scope(scope)), scope)), out);
        return 'end';
      default:
        this.print(str(this.run, this.evaluate(node, scope)), out);
        return 'end';
    }
  }

  private bind(target: Expression, value: Value, scope: Scope): void {
    if (target.type === 'Identifier') {
      if (constants.has(target.value)) this.run.fail(`can't assign to '${target.value}'`);
      scope.set(target.value, value);
      return;
    }
    if (target.type !== 'TupleLiteral') return this.run.fail(`can't assign to a ${target.type}`);
    const items = iterate(this.run, value);
    if (items.length !== target.value.length) {
      this.run.fail(`expected ${target.value.length} values to unpack, got ${items.length}`);
    }
    target.value.forEach((part, i) => this.bind(part, items[i] as Value, scope));
  }

  private assign({ assignee, value, body }: SetStatement, scope: Scope): void {
    if (value === null) {
      let target = assignee;
      const filters: (Call | Identifier)[] = [];
      for (; target.type === 'FilterExpression'; target = target.operand) filters.unshift(target.filter);
      const made = filters.reduce<Value>(
        (current, filter) => this.filter(filter, current, scope),
        this.printed(body, new Scope(scope)),
      );
      return this.store(target, made, scope);
    }
    this.store(assignee, this.evaluate(value, scope), scope);
  }

  private store(target: Expression, value: Value, scope: Scope): void {
    if (target.type !== 'MemberExpression') return this.bind(target, value, scope);
    if (target.computed || target.property.type !== 'Identifier')
      return this.run.fail('can only assign to a name or a field');
    setField(this.run, this.evaluate(target.object, scope), target.property.value, value);
  }

  private loop(node: For, scope: Scope, out: TextBuilder): Ending {
    const { run } = this;
    const select = node.iterable.type === 'SelectExpression' ? node.iterable : null;
    let items = iterate(run, this.evaluate(select?.lhs ?? (node.iterable as Expression), scope));
    if (select !== null) {
      items = items.filter((item) => {
        const inner = new Scope(scope);
        this.bind(node.loopvar, item, inner);
        return truthy(this.evaluate(select.test, inner));
      });
    }
    if (items.length === 0) return this.block(node.defaultBlock, new Scope(scope), out);
    const changed: LoopMemory = { last: undefined };
    for (let i = 0; i < items.length; i++) {
      const inner = new Scope(scope);
      inner.set('loop', new Loop(run, items, i, changed));
      this.bind(node.loopvar, items[i] as Value, inner);
      run.charge(4);
      if (this.block(node.body, inner, out) === 'break') break;
    }
    return 'end';
  }

  /** A macro, or the body of a call block as a function. */
  private macro(
    name: string,
    parameters: readonly ParameterNode[],
    body: readonly Statement[],
    scope: Scope,
  ): Callable {
    const names = parameters.map((p) => (p.type === 'Identifier' ? p.value : p.key.value));
    return new Callable(name, ({ list, named }) => {
      const { run } = this;
      if (++run.depth > maxDepth) run.exhausted(`more than ${maxDepth} calls of macros inside one another`);
      const line = run.line;
      const inner = new Scope(scope);
      const others = new Map(named);
      parameters.forEach((parameter, i) => {
        const known = names[i] as string;
        const given = list[i] ?? others.get(known);
        if (list[i] === undefined) others.delete(known);
        else if (others.has(known)) run.fail(`macro '${name}' got '${known}' twice`);
        if (given !== undefined) inner.set(known, given);
        else if (parameter.type === 'Identifier')
          inner.set(known, new Undefined(`parameter '${known}' was not provided`));
        else inner.set(known, this.evaluate(parameter.value, inner));
      });
      const caller = others.get('caller');
      inner.set('caller', caller ?? new Undefined("'caller' is undefined"));
      others.delete('caller');
      inner.set('varargs', new List(list.slice(names.length), true));
      inner.set(
        'kwargs',
        dict(
          run,
          Array.from(others, ([key, value]): [Value, Value] => [text(key), value]),
        ),
      );
      const made = this.printed(body, inner);
      run.depth--;
      run.line = line;
      return made;
    });
  }

  private callBlock({ call, callerArgs, body }: CallStatement, scope: Scope): MarkedText {
    const name = call.callee.type === 'Identifier' ? call.callee.value : '';
    if (name === generationName) return this.printed(body, new Scope(scope)).generate();
    const caller = this.macro('caller', callerArgs ?? [], body, scope);
    if (name === withName) return str(this.run, caller.call({ list: [], named: new Map() }));
    const args = this.arguments(call.args, scope);
    const named = new Map(args.named).set('caller', caller);
    return str(this.run, this.call(this.evaluate(call.callee, scope), { list: args.list, named }));
  }

  private call(callee: Value, args: Args): Value {
    this.run.charge(1);
    if (callee instanceof Callable) return callee.call(args);
    if (callee instanceof Undefined) return this.run.fail(callee.hint);
    return this.run.fail(`'${typeName(callee)}' object is not callable`);
  }

  private arguments(nodes: readonly Argument[], scope: Scope): Args {
    const list: Value[] = [];
    const named = new Map<string, Value>();
    for (const node of nodes) {
      if (node.type === 'KeywordArgumentExpression') named.set(node.key.value, this.evaluate(node.value, scope));
      else if (node.type === 'SpreadExpression') {
        const items = iterate(this.run, this.evaluate(node.argument, scope));
        this.run.charge(items.length);
        for (const item of items) list.push(item);
      } else if (node.type === 'KeywordSpreadExpression') {
        const given = this.evaluate(node.argument, scope);
        if (!(given instanceof Dict)) return this.run.fail(`expected a mapping after **, got ${describe(given)}`);
        for (const [key, value] of given.entries.values()) named.set(str(this.run, key).text, value);
      } else list.push(this.evaluate(node, scope));
    }
    return { list, named };
  }

  private filter(node: Call | Identifier, value: Value, scope: Scope): Value {
    const callee = node.type === 'Identifier' ? node : node.callee;
    if (callee.type !== 'Identifier') return this.run.fail('expected the name of a filter after |');
    const args = node.type === 'Identifier' ? { list: [], named: new Map() } : this.arguments(node.args, scope);
    const name = callee.value;
    for (const [prefix, negated] of [
      [testPrefix.isNot, true],
      [testPrefix.is, false],
    ] as const) {
      if (name.startsWith(prefix)) {
        return applyTest(this.run, name.slice(prefix.length), value, args.list) !== negated;
      }
    }
    if (name === tupleName) return new List(iterate(this.run, value), true);
    return applyFilter(this.run, name, value, args);
  }

  private evaluate(node: Expression, scope: Scope): Value {
    const { run } = this;
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
          node.value.map((item) => this.evaluate(item, scope)),
          node.type === 'TupleLiteral',
        );
      case 'ObjectLiteral':
        return dict(
          run,
          Array.from(node.value, ([key, value]): [Value, Value] => [
            this.evaluate(key, scope),
            this.evaluate(value, scope),
          ]),
        );
      case 'Identifier': {
        const constant = constants.get(node.value);
        return constant !== undefined ? constant : (scope.get(node.value) ?? undefinedName(node.value));
      }
      case 'MemberExpression': {
        const object = this.evaluate(node.object, scope);
        const { property } = node;
        if (property.type === 'SliceExpression') {
          const bound = (part: Expression | undefined) => (part === undefined ? none : this.evaluate(part, scope));
          return slice(run, object, [bound(property.start), bound(property.stop), bound(property.step)]);
        }
        if (node.computed) return getItem(run, object, this.evaluate(property, scope));
        if (property.type === 'Identifier') return getAttribute(run, object, property.value);
        return getItem(run, object, this.evaluate(property, scope));
      }
      case 'CallExpression': {
        const callee = this.evaluate(node.callee, scope);
        return this.call(callee, this.arguments(node.args, scope));
      }
      case 'FilterExpression':
        return this.filter(node.filter, this.evaluate(node.operand, scope), scope);
      case 'TestExpression':
        return applyTest(run, node.test.value, this.evaluate(node.operand, scope), []) !== node.negate;
      case 'UnaryExpression':
        return unary(run, node.operator.value, this.evaluate(node.argument, scope));
      case 'BinaryExpression': {
        const left = this.evaluate(node.left, scope);
        const op = node.operator.value;
        if (op === 'and') return truthy(left) ? this.evaluate(node.right, scope) : left;
        if (op === 'or') return truthy(left) ? left : this.evaluate(node.right, scope);
        return binary(run, op, left, this.evaluate(node.right, scope));
      }
      case 'Ternary':
        return this.evaluate(truthy(this.evaluate(node.condition, scope)) ? node.trueExpr : node.falseExpr, scope);
      case 'SelectExpression':
        // Outside a loop's head this is a condition without an else.
        return truthy(this.evaluate(node.test, scope))
          ? this.evaluate(node.lhs, scope)
          : new Undefined('the condition was false and there is no else');
      default:
        return run.fail(`expected an expression, got ${(node as { type: string }).type}`);
    }
  }
}
