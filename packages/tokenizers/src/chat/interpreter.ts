import { callValue, constants, evaluate, evaluateArguments, filtered } from './expressions';
import { globals, setField } from './globals';
import { Loop, type LoopMemory } from './loop';
import { type MarkedText, TextBuilder } from './marked-text';
import { str } from './repr';
import type { Run } from './run';
import { Scope } from './scope';
import {
  type Call,
  type CallStatement,
  type Expression,
  type For,
  type Identifier,
  type ParameterNode,
  type Program,
  type SetStatement,
  type Statement,
  generationName,
  withName,
} from './syntax';
import { Callable, List, Undefined, type Value, dict, iterate, text, truthy } from './values';

/** Deeper calls of macros are taken for endless ones. */
const maxDepth = 100;

/** How a list of statements ended. */
type Ending = 'break' | 'continue' | 'end';

/** Renders a parsed template: its statements, which print. */
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
        return this.block(truthy(evaluate(this.run, node.test, scope)) ? node.body : node.alternate, scope, out);
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
        this.print(
          str(this.run, filtered(this.run, node.filter, this.printed(node.body, new Scope(scope)), scope)),
          out,
        );
        return 'end';
      default:
        this.print(str(this.run, evaluate(this.run, node, scope)), out);
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
        (current, filter) => filtered(this.run, filter, current, scope),
        this.printed(body, new Scope(scope)),
      );
      return this.store(target, made, scope);
    }
    this.store(assignee, evaluate(this.run, value, scope), scope);
  }

  private store(target: Expression, value: Value, scope: Scope): void {
    if (target.type !== 'MemberExpression') return this.bind(target, value, scope);
    if (target.computed || target.property.type !== 'Identifier')
      return this.run.fail('can only assign to a name or a field');
    setField(this.run, evaluate(this.run, target.object, scope), target.property.value, value);
  }

  private loop(node: For, scope: Scope, out: TextBuilder): Ending {
    const { run } = this;
    const select = node.iterable.type === 'SelectExpression' ? node.iterable : null;
    let items = iterate(run, evaluate(run, select?.lhs ?? (node.iterable as Expression), scope));
    if (select !== null) {
      items = items.filter((item) => {
        const inner = new Scope(scope);
        this.bind(node.loopvar, item, inner);
        return truthy(evaluate(run, select.test, inner));
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
        else inner.set(known, evaluate(run, parameter.value, inner));
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
    const args = evaluateArguments(this.run, call.args, scope);
    const named = new Map(args.named).set('caller', caller);
    return str(this.run, callValue(this.run, evaluate(this.run, call.callee, scope), { list: args.list, named }));
  }
}
