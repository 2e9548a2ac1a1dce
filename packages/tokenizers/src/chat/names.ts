import { hasFilter, hasTest } from './filters';
import type { Expression, Parameter, Statement } from './syntax';

/** Refuses a template at a line. */
export type Refuse = (message: string, line: number) => never;

/** What may stand in a body. */
interface Place {
  /** `break` and `continue`: a loop is around, and no macro between. */
  readonly leaves: boolean;
  /** A loop is around, whose `loop` can't be assigned to. */
  readonly loop: boolean;
}

/** Names that a body mentions, without the bodies in it that have names of their own; true for those it hides. */
class Names {
  private readonly mentioned = new Map<string, boolean>();

  constructor(
    private readonly outer: Names | null,
    parameters: readonly string[],
  ) {
    for (const name of parameters) this.mentioned.set(name, false);
  }

  has(name: string): boolean {
    return this.mentioned.has(name) || (this.outer?.has(name) ?? false);
  }

  load(name: string): void {
    if (!this.has(name)) this.mentioned.set(name, false);
  }

  /** @param perhaps In a branch of an `if`. */
  store(name: string, perhaps: boolean): void {
    if (!this.mentioned.has(name)) this.mentioned.set(name, !perhaps && !(this.outer?.has(name) ?? false));
  }

  get hidden(): string[] {
    return [...this.mentioned].filter(([, hidden]) => hidden).map(([name]) => name);
  }
}

/** Names in a target. */
function targets(target: Expression): string[] {
  return target.type === 'Tuple' ? target.items.flatMap(targets) : target.type === 'Name' ? [target.name] : [];
}

/** Names that a part of a template reads, wherever in it. */
export function namesIn(node: unknown, found = new Set<string>()): Set<string> {
  if (typeof node !== 'object' || node === null) return found;
  if ('type' in node && node.type === 'Name' && 'name' in node) found.add(String(node.name));
  for (const part of Object.values(node)) namesIn(part, found);
  return found;
}

/** One body, whose statements see the same names. */
class Body {
  private readonly names: Names;
  /** Bodies in this one: they are looked at when all of its names are known, those of later statements too. */
  private readonly inner: (() => void)[] = [];
  private line = 1;

  constructor(
    private readonly refuse: Refuse,
    private readonly place: Place,
    parameters: readonly string[] = [],
    outer: Names | null = null,
  ) {
    this.names = new Names(outer, parameters);
  }

  check(body: readonly Statement[], defaults: readonly unknown[] = []): void {
    for (const value of defaults) this.expression(value, false);
    this.statements(body, false);
    const names = this.names.hidden;
    // The parser has just made the list.
    if (names.length > 0) (body as Statement[]).unshift({ type: 'Hide', line: this.line, names });
    for (const later of this.inner) later();
  }

  private statements(list: readonly Statement[], branch: boolean): void {
    for (const statement of list) {
      this.line = statement.line;
      this.statement(statement, branch);
    }
  }

  private statement(node: Statement, branch: boolean): void {
    const { place } = this;
    switch (node.type) {
      case 'Print':
        return this.expression(node.values, branch);
      case 'Break':
      case 'Continue':
        if (!place.leaves) this.refuse(`'${node.type.toLowerCase()}' outside of a loop`, node.line);
        return;
      case 'If':
        this.expression(node.test, true);
        this.statements(node.body, true);
        return this.statements(node.otherwise, true);
      case 'For':
        this.expression(node.iterable, branch);
        this.expression(node.test, false, new Names(this.names, targets(node.target)));
        this.body(node.body, { leaves: true, loop: true }, ['loop', ...targets(node.target)]);
        return this.body(node.otherwise, { leaves: place.leaves && !node.recursive, loop: true });
      case 'Set':
        this.expression(node.value, branch);
        return this.store(node.target, branch);
      case 'SetBlock':
        this.store(node.target, branch);
        // Jinja does not count what its filters read, and then fails where nothing else mentions it.
        this.expression(node.filters, false, new Names(this.names, []));
        return this.body(node.body, place, [], [], namesIn(node.filters));
      case 'With':
        for (const [, value] of node.names) this.expression(value, branch);
        return this.body(
          node.body,
          place,
          node.names.flatMap(([target]) => targets(target)),
        );
      case 'FilterBlock':
        this.expression(node.filters, false);
        return this.body(node.body);
      case 'Macro':
        this.names.store(node.name, branch);
        return this.macro(node.parameters, node.body);
      case 'CallBlock':
        this.expression(node.call, branch);
        return this.macro(node.parameters, node.body);
      case 'Generation':
        return this.macro([], node.body);
      default:
    }
  }

  private macro(parameters: readonly Parameter[], body: readonly Statement[]): void {
    const names = parameters.map(({ name }) => name);
    if (new Set(names).size < names.length) this.refuse('a macro has two parameters of one name', this.line);
    if (parameters.some((one) => one.name === 'caller' && one.otherwise === null) && namesIn(body).has('caller')) {
      this.refuse("a parameter 'caller' needs a default", this.line);
    }
    const defaults = parameters.map(({ otherwise }) => otherwise);
    this.body(body, { ...this.place, leaves: false }, names, defaults);
  }

  /** A body in this one, behind which the names `read` have to be known. */
  private body(
    list: readonly Statement[],
    place = this.place,
    parameters: readonly string[] = [],
    defaults: readonly unknown[] = [],
    read = new Set<string>(),
  ): void {
    const { line } = this;
    this.inner.push(() => {
      const body = new Body(this.refuse, place, parameters, this.names);
      body.check(list, defaults);
      for (const name of read) {
        if (!body.names.has(name)) this.refuse(`the filters of a set block can't know the name '${name}'`, line);
      }
    });
  }

  private store(target: Expression, branch: boolean): void {
    if (target.type === 'Tuple') for (const part of target.items) this.store(part, branch);
    else if (target.type === 'NamespaceField') this.names.load(target.namespace);
    else if (target.type === 'Name') {
      if (target.name === 'loop' && this.place.loop) this.refuse("can't assign to 'loop' in a loop", this.line);
      this.names.store(target.name, branch);
    }
  }

  /** @param branch In a branch, where Jinja asks for filters and tests only when it comes there. */
  private expression(whole: unknown, branch: boolean, names = this.names): void {
    // Long sums are deep: the stack is not for them.
    const left: (readonly [node: unknown, branch: boolean])[] = [[whole, branch]];
    for (let next = left.pop(); next !== undefined; next = left.pop()) {
      const [node, perhaps] = next;
      if (typeof node !== 'object' || node === null) continue;
      const { type, name } = node as { readonly type?: string; readonly name?: string };
      if (type === 'Name') names.load(name as string);
      else if (type === 'Test' && !perhaps && !hasTest(name as string)) {
        this.refuse(`No test named '${name}'.`, this.line);
      }
      // A filter's call is the only part with a name and without a type.
      if (type === undefined && name !== undefined && !perhaps && !hasFilter(name)) {
        this.refuse(`No filter named '${name}'.`, this.line);
      }
      for (const part of Object.values(node)) left.push([part, perhaps || type === 'Condition']);
    }
  }
}

/**
 * Looks through a template before it runs, as Jinja's compiler does. A name that a body first stores, and that nothing
 * around it mentions, is hidden from the beginning of the body: bodies in it don't see the variable of that name.
 */
export function checkTemplate(program: readonly Statement[], refuse: Refuse): void {
  new Body(refuse, { leaves: false, loop: false }).check(program);
}
