import type { TokenStream } from './lexer';
import { type CallArguments, type Expression, type FilterCall, noArguments } from './syntax';

/** Python's names of the constants; a template may not assign to them. */
const constants: ReadonlyMap<string, boolean | null> = new Map([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', null],
  ['None', null],
]);

const comparisons = ['==', '!=', '<', '<=', '>', '>='];

/** An expression. The functions below go from what binds least to what binds most, as Jinja's parser does. */
export function parseExpression(s: TokenStream, conditions = true): Expression {
  return conditions ? parseCondition(s) : parseOr(s);
}

function parseCondition(s: TokenStream): Expression {
  let then = parseOr(s);
  while (s.skipName('if')) {
    const test = parseOr(s);
    const otherwise = s.skipName('else') ? parseCondition(s) : null;
    then = { type: 'Condition', test, then, otherwise };
  }
  return then;
}

function parseOr(s: TokenStream): Expression {
  let left = parseAnd(s);
  while (s.skipName('or')) left = { type: 'Logic', op: 'or', left, right: parseAnd(s) };
  return left;
}

function parseAnd(s: TokenStream): Expression {
  let left = parseNot(s);
  while (s.skipName('and')) left = { type: 'Logic', op: 'and', left, right: parseNot(s) };
  return left;
}

function parseNot(s: TokenStream): Expression {
  return s.skipName('not') ? { type: 'Unary', op: 'not', operand: parseNot(s) } : parseCompare(s);
}

function parseCompare(s: TokenStream): Expression {
  const first = parseSum(s);
  const rest: [string, Expression][] = [];
  for (;;) {
    if (s.isOperator(...comparisons)) rest.push([s.next().value, parseSum(s)]);
    else if (s.skipName('in')) rest.push(['in', parseSum(s)]);
    else if (s.isName('not') && s.following.type === 'name' && s.following.value === 'in') {
      s.next();
      s.next();
      rest.push(['not in', parseSum(s)]);
    } else return rest.length === 0 ? first : { type: 'Compare', first, rest };
  }
}

function parseSum(s: TokenStream): Expression {
  let left = parseConcat(s);
  while (s.isOperator('+', '-')) left = { type: 'Binary', op: s.next().value, left, right: parseConcat(s) };
  return left;
}

function parseConcat(s: TokenStream): Expression {
  const parts = [parseProduct(s)];
  while (s.skipOperator('~')) parts.push(parseProduct(s));
  return parts.length === 1 ? (parts[0] as Expression) : { type: 'Concat', parts };
}

function parseProduct(s: TokenStream): Expression {
  let left = parsePower(s);
  while (s.isOperator('*', '/', '//', '%')) {
    left = { type: 'Binary', op: s.next().value, left, right: parsePower(s) };
  }
  return left;
}

/** Jinja's `**` binds less than a sign, and goes from left to right. */
function parsePower(s: TokenStream): Expression {
  let left = parseUnary(s);
  while (s.skipOperator('**')) left = { type: 'Binary', op: '**', left, right: parseUnary(s) };
  return left;
}

function parseUnary(s: TokenStream, filters = true): Expression {
  const made: Expression = s.isOperator('-', '+')
    ? { type: 'Unary', op: s.next().value as '-' | '+', operand: parseUnary(s, false) }
    : parsePrimary(s);
  const whole = parsePostfix(s, made);
  return filters ? parseFilters(s, whole) : whole;
}

function parsePrimary(s: TokenStream, fields = false): Expression {
  const { type, value } = s.current;
  switch (type) {
    case 'name': {
      s.next();
      const constant = constants.get(value);
      if (constant !== undefined) return { type: 'Constant', value: constant };
      if (fields && s.skipOperator('.')) return { type: 'NamespaceField', namespace: value, field: s.expectName() };
      return { type: 'Name', name: value };
    }
    case 'string': {
      let text = '';
      while (s.current.type === 'string') text += s.next().value;
      return { type: 'String', value: text };
    }
    case 'integer':
      return { type: 'Integer', value: BigInt(s.next().value.replaceAll('_', '')) };
    case 'float':
      return { type: 'Float', value: Number(s.next().value.replaceAll('_', '')) };
    default:
  }
  if (s.skipOperator('(')) {
    const made = parseTuple(s, { parenthesized: true });
    s.expectOperator(')');
    return made;
  }
  if (s.skipOperator('[')) return { type: 'List', items: parseItems(s, ']', () => parseExpression(s)) };
  if (s.skipOperator('{')) {
    const entry = (): [Expression, Expression] => {
      const key = parseExpression(s);
      s.expectOperator(':');
      return [key, parseExpression(s)];
    };
    return { type: 'Dict', entries: parseItems(s, '}', entry) };
  }
  return s.unexpected('an expression');
}

/** Items between commas up to a bracket, one of which may come after the last. */
function parseItems<T>(s: TokenStream, close: string, item: () => T): T[] {
  const items: T[] = [];
  while (!s.isOperator(close)) {
    if (items.length > 0) s.expectOperator(',');
    if (s.isOperator(close)) break;
    items.push(item());
  }
  s.expectOperator(close);
  return items;
}

/** Where a list of expressions without brackets may stand. */
interface TupleSettings {
  /** Words that end it. */
  readonly until?: string;
  readonly conditions?: boolean;
  /** May be empty. */
  readonly parenthesized?: boolean;
  /** What its items are, if not expressions. */
  readonly item?: () => Expression;
}

/** An expression, or several with commas, which make a tuple. */
export function parseTuple(s: TokenStream, settings: TupleSettings = {}): Expression {
  const { until, conditions = true, parenthesized = false, item = () => parseExpression(s, conditions) } = settings;
  const items: Expression[] = [];
  let comma = false;
  while (items.length === 0 || s.skipOperator(',')) {
    comma = items.length > 0;
    const ends = s.current.type === 'tag_end' || s.isOperator(')') || (until !== undefined && s.isName(until));
    if (ends) break;
    items.push(item());
  }
  if (!comma && items.length > 0) return items[0] as Expression;
  if (items.length === 0 && !parenthesized) s.unexpected('an expression');
  return { type: 'Tuple', items };
}

/** What a value may be stored in. */
export function parseTarget(s: TokenStream, settings: { until?: string; fields?: boolean } = {}): Expression {
  const target = parseTuple(s, { ...settings, item: () => parsePrimary(s, settings.fields) });
  checkTarget(s, target);
  return target;
}

function checkTarget(s: TokenStream, target: Expression): void {
  if (target.type === 'Tuple') for (const item of target.items) checkTarget(s, item);
  else if (target.type === 'Constant') s.fail("can't assign to a constant");
  else if (target.type !== 'Name' && target.type !== 'NamespaceField') s.fail("can't assign to an expression");
}

function parsePostfix(s: TokenStream, start: Expression): Expression {
  let made = start;
  for (;;) {
    if (s.isOperator('.', '[')) made = parseSubscript(s, made);
    else if (s.isOperator('(')) made = { type: 'Call', callee: made, args: parseArguments(s) };
    else return made;
  }
}

function parseSubscript(s: TokenStream, object: Expression): Expression {
  if (s.skipOperator('.')) {
    if (s.current.type === 'integer') return { type: 'Item', object, key: parsePrimary(s) };
    return { type: 'Attribute', object, name: s.expectName() };
  }
  s.expectOperator('[');
  const optional = () => (s.isOperator(':', ']') ? null : parseExpression(s));
  const start = optional();
  if (s.skipOperator(':')) {
    const stop = optional();
    const step = s.skipOperator(':') ? optional() : null;
    s.expectOperator(']');
    return { type: 'Slice', object, bounds: [start, stop, step] };
  }
  if (start === null) return s.unexpected('an expression');
  const items = [start];
  while (s.skipOperator(',')) items.push(parseExpression(s));
  s.expectOperator(']');
  return { type: 'Item', object, key: items.length === 1 ? start : { type: 'Tuple', items } };
}

/** Filters, tests and calls of what they give. */
function parseFilters(s: TokenStream, start: Expression): Expression {
  let made = start;
  for (;;) {
    if (s.skipOperator('|')) made = { type: 'Filter', operand: made, filter: parseFilter(s) };
    else if (s.skipName('is')) made = parseTest(s, made);
    else if (s.isOperator('(')) made = { type: 'Call', callee: made, args: parseArguments(s) };
    else return made;
  }
}

function parseDotted(s: TokenStream): string {
  let name = s.expectName();
  while (s.skipOperator('.')) name += `.${s.expectName()}`;
  return name;
}

function parseFilter(s: TokenStream): FilterCall {
  const name = parseDotted(s);
  return { name, args: s.isOperator('(') ? parseArguments(s) : noArguments };
}

/** `| a | b`. */
export function parseFilterChain(s: TokenStream): FilterCall[] {
  const filters: FilterCall[] = [];
  while (s.skipOperator('|')) filters.push(parseFilter(s));
  return filters;
}

/** `a | b`, without a bar before the first. */
export function parseFilterList(s: TokenStream): FilterCall[] {
  return [parseFilter(s), ...parseFilterChain(s)];
}

function parseTest(s: TokenStream, operand: Expression): Expression {
  const negated = s.skipName('not');
  const name = parseDotted(s);
  let args = noArguments;
  if (s.isOperator('(')) args = parseArguments(s);
  else {
    const { type } = s.current;
    const argued = type === 'name' || type === 'string' || type === 'integer' || type === 'float';
    if ((argued || s.isOperator('[', '{')) && !s.isName('else', 'or', 'and')) {
      if (s.isName('is')) s.fail('tests cannot be chained with is');
      args = { ...noArguments, list: [parsePostfix(s, parsePrimary(s))] };
    }
  }
  const test: Expression = { type: 'Test', operand, name, args };
  return negated ? { type: 'Unary', op: 'not', operand: test } : test;
}

function parseArguments(s: TokenStream): CallArguments {
  s.expectOperator('(');
  const list: Expression[] = [];
  const named: [string, Expression][] = [];
  let spread: Expression | null = null;
  let namedSpread: Expression | null = null;
  const ensure = (inOrder: boolean) => {
    if (!inOrder) s.fail('arguments in a wrong order: first those without a name, then name=value, *list, **names');
  };
  parseItems(s, ')', () => {
    if (s.skipOperator('*')) {
      ensure(spread === null && namedSpread === null);
      spread = parseExpression(s);
    } else if (s.skipOperator('**')) {
      ensure(namedSpread === null);
      namedSpread = parseExpression(s);
    } else if (s.current.type === 'name' && s.following.type === 'operator' && s.following.value === '=') {
      ensure(namedSpread === null);
      const name = s.next().value;
      if (named.some(([other]) => other === name)) s.fail(`argument '${name}' is given twice`);
      s.next();
      named.push([name, parseExpression(s)]);
    } else {
      ensure(spread === null && namedSpread === null && named.length === 0);
      list.push(parseExpression(s));
    }
  });
  return { list, named, spread, namedSpread };
}
