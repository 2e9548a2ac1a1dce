import { callValue, evaluate, evaluateArguments, filtered } from './expressions';
import { globals, setField, undefinedName } from './globals';
import { Loop, type LoopMemory } from './loop';
import { macro } from './macro';
import { MarkedText, TextBuilder } from './marked-text';
import { str } from './repr';
import type { Run } from './run';
import { Scope } from './scope';
import type { CallBlock, Expression, FilterCall, For, Statement } from './syntax';
import { type Value, describe, iterate, none, text, truthy } from './values';

/** How a list of statements ended. */
type Ending = 'break' | 'continue' | 'end';

/** What a list of statements printed, and how it ended. */
interface Printed {
  readonly made: MarkedText;
  readonly ending: Ending;
}

/** Renders a parsed template: its statements, which print. */
export class Interpreter {
  constructor(private readonly run: Run) {}

  render(program: readonly Statement[], variables: ReadonlyMap<string, Value>): MarkedText {
    const outermost = new Scope(null);
    for (const [name, value] of globals(this.run)) outermost.set(name, value);
    for (const [name, value] of variables) outermost.set(name, value);
    return this.whole(program, new Scope(outermost));
  }

  private block(body: readonly Statement[], scope: Scope, out: TextBuilder): Ending {
    for (const statement of body) {
      const ending = this.statement(statement, scope, out);
      if (ending !== 'end') return ending;
    }
    return 'end';
  }

  private printed(body: readonly Statement[], scope: Scope): Printed {
    const out = new TextBuilder();
    const ending = this.block(body, scope, out);
    return { made: out.done(), ending };
  }

  /** What statements print that no `break` or `continue` leaves. */
  private whole(body: readonly Statement[], scope: Scope): MarkedText {
    return this.printed(body, scope).made;
  }

  private print(value: MarkedText, out: TextBuilder): Ending {
    this.run.charge(value.length + value.user.length);
    out.add(value);
    return 'end';
  }

  private statement(node: Statement, scope: Scope, out: TextBuilder): Ending {
    const { run } = this;
    run.charge(1);
    run.line = node.line;
    switch (node.type) {
      case 'Text':
        return this.print(text(node.value), out);
      case 'Print':
        for (const value of node.values) this.print(str(run, evaluate(run, value, scope)), out);
        return 'end';
      case 'Break':
        return 'break';
      case 'Continue':
        return 'continue';
      case 'Hide':
        for (const name of node.names) scope.set(name, undefinedName(name));
        return 'end';
      case 'If':
        return this.block(truthy(evaluate(run, node.test, scope)) ? node.body : node.otherwise, scope, out);
      case 'For':
        return this.loop(node, evaluate(run, node.iterable, scope), scope, out, 1);
      case 'Set':
        this.bind(node.target, evaluate(run, node.value, scope), scope);
        return 'end';
      case 'SetBlock': {
        const inner = new Scope(scope);
        const { made, ending } = this.printed(node.body, inner);
        if (ending === 'end') this.bind(node.target, this.filtered(node.filters, made, inner), scope);
        return ending;
      }
      case 'With': {
        const inner = new Scope(scope);
        for (const [target, value] of node.names) this.bind(target, evaluate(run, value, scope), inner);
        return this.block(node.body, inner, out);
      }
      case 'Macro':
        scope.set(node.name, this.macro(node.name, node, scope));
        return 'end';
      case 'CallBlock':
        return this.print(this.callBlock(node, scope), out);
      case 'FilterBlock': {
        const inner = new Scope(scope);
        const { made, ending } = this.printed(node.body, inner);
        if (ending !== 'end') return ending;
        const value = this.filtered(node.filters, made, inner);
        if (!(value instanceof MarkedText))
          return run.fail(`a filter of a block has to give a text, got ${describe(value)}`);
        return this.print(value, out);
      }
      case 'Generation':
        return this.print(this.whole(node.body, new Scope(scope)).generate(), out);
    }
  }

  private filtered(filters: readonly FilterCall[], made: Value, scope: Scope): Value {
    return filters.reduce((value, filter) => filtered(this.run, filter, value, scope), made);
  }

  private bind(target: Expression, value: Value, scope: Scope): void {
    const { run } = this;
    if (target.type === 'Name') scope.set(target.name, value);
    else if (target.type === 'NamespaceField') {
      setField(run, scope.get(target.namespace) ?? none, target.field, value);
    } else if (target.type === 'Tuple') {
      const items = iterate(run, value);
      if (items.length !== target.items.length) {
        run.fail(`expected ${target.items.length} values to unpack, got ${items.length}`);
      }
      target.items.forEach((part, i) => this.bind(part, items[i] as Value, scope));
    } else run.fail(`can't assign to a ${target.type}`);
  }

  private loop(node: For, value: Value, scope: Scope, out: TextBuilder, depth: number): Ending {
    const { run } = this;
    const { test } = node;
    let items = iterate(run, value);
    if (test !== null) {
      items = items.filter((item) => {
        const inner = new Scope(scope);
        this.bind(node.target, item, inner);
        return truthy(evaluate(run, test, inner));
      });
    }
    const memory: LoopMemory = { last: undefined };
    const again = (list: Value): MarkedText =>
      run.nested(() => {
        const made = new TextBuilder();
        this.loop(node, list, scope, made, depth + 1);
        return made.done();
      });
    // As in Jinja, the else is for loops none of whose turns came to its end.
    let done = false;
    for (let i = 0; i < items.length; i++) {
      const inner = new Scope(scope);
      inner.set('loop', new Loop(run, items, i, memory, depth, node.recursive ? again : null));
      this.bind(node.target, items[i] as Value, inner);
      run.charge(4);
      const ending = this.block(node.body, inner, out);
      if (ending === 'break') break;
      done ||= ending === 'end';
    }
    return done ? 'end' : this.block(node.otherwise, new Scope(scope), out);
  }

  /** A macro, or the body of a call block as a function. */
  private macro(
    name: string | null,
    node: Parameters<typeof macro>[2],
    scope: Scope,
  ): Value & { readonly kind: 'function' } {
    return macro(this.run, name, node, scope, (body, inner) => this.whole(body, inner));
  }

  private callBlock(node: CallBlock, scope: Scope): MarkedText {
    const { run } = this;
    const { call } = node;
    const callee = evaluate(run, call.callee, scope);
    const args = evaluateArguments(run, call.args, scope);
    const named = new Map(args.named).set('caller', this.macro(null, node, scope));
    return str(run, callValue(run, callee, { ...args, named }));
  }
}
