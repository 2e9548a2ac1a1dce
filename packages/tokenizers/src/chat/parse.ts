import { TokenStream } from './lexer';
import { checkTemplate } from './names';
import { parseExpression, parseFilterChain, parseFilterList, parseTarget, parseTuple } from './parse-expressions';
import type { Expression, Parameter, Statement } from './syntax';

/** Statements of a template. */
class Parser {
  constructor(private readonly s: TokenStream) {}

  /** Statements up to a tag whose name is one of `until`, which is left to read; the whole template without any. */
  statements(until: readonly string[] = []): Statement[] {
    const { s } = this;
    const out: Statement[] = [];
    for (;;) {
      const { type, value, line } = s.current;
      if (type === 'end') {
        if (until.length > 0) s.unexpected(`{% ${until.join(' %} or {% ')} %}`);
        return out;
      }
      s.next();
      if (type === 'text') out.push({ type: 'Text', line, value });
      else if (type === 'expression_begin') {
        out.push({ type: 'Print', line, values: [parseTuple(s)] });
        s.expectEnd();
      } else {
        if (s.isName(...until)) return out;
        out.push(this.statement(line));
        s.expectEnd();
      }
    }
  }

  /** Statements behind the head of a tag, up to the one that ends them and its end. */
  private body(end: string): Statement[] {
    const body = this.part([end]);
    this.s.expectName(end);
    return body;
  }

  /** Statements behind the head of a tag, up to the name of one of `until`. */
  private part(until: readonly string[]): Statement[] {
    this.s.skipOperator(':');
    this.s.expectEnd();
    return this.statements(until);
  }

  /** The statement whose tag is open; its end is left to read. */
  private statement(line: number): Statement {
    const { s } = this;
    const tag = s.expectName();
    switch (tag) {
      case 'break':
        return { type: 'Break', line };
      case 'continue':
        return { type: 'Continue', line };
      case 'if':
        return this.condition(line);
      case 'for':
        return this.loop(line);
      case 'set':
        return this.set(line);
      case 'print':
        return { type: 'Print', line, values: this.printed() };
      case 'with':
        return this.with(line);
      case 'macro': {
        const name = s.expectName();
        const parameters = this.parameters();
        return { type: 'Macro', line, name, parameters, body: this.body('endmacro') };
      }
      case 'call': {
        const parameters = s.isOperator('(') ? this.parameters() : [];
        const call = parseExpression(s);
        if (call.type !== 'Call') return s.fail('expected a call of a macro');
        return { type: 'CallBlock', line, call, parameters, body: this.body('endcall') };
      }
      case 'filter':
        return { type: 'FilterBlock', line, filters: parseFilterList(s), body: this.body('endfilter') };
      case 'generation':
        return { type: 'Generation', line, body: this.body('endgeneration') };
      default:
        return s.fail(`expected a tag that chat templates have, got '${tag}'`, line);
    }
  }

  private condition(line: number): Statement {
    const { s } = this;
    const test = parseTuple(s, { conditions: false });
    const body = this.part(['elif', 'else', 'endif']);
    const end = s.next();
    if (end.value === 'elif') return { type: 'If', line, test, body, otherwise: [this.condition(end.line)] };
    return { type: 'If', line, test, body, otherwise: end.value === 'else' ? this.body('endif') : [] };
  }

  private loop(line: number): Statement {
    const { s } = this;
    const target = parseTarget(s, { until: 'in' });
    for (const part of target.type === 'Tuple' ? target.items : [target]) {
      if (part.type === 'Name' && part.name === 'loop') s.fail("can't assign to 'loop' in the head of a loop");
    }
    s.expectName('in');
    const iterable = parseTuple(s, { conditions: false, until: 'recursive' });
    const test = s.skipName('if') ? parseExpression(s) : null;
    const recursive = s.skipName('recursive');
    const body = this.part(['endfor', 'else']);
    const otherwise = s.next().value === 'else' ? this.body('endfor') : [];
    return { type: 'For', line, target, iterable, test, recursive, body, otherwise };
  }

  private set(line: number): Statement {
    const { s } = this;
    const target = parseTarget(s, { fields: true });
    if (s.skipOperator('=')) return { type: 'Set', line, target, value: parseTuple(s) };
    return { type: 'SetBlock', line, target, filters: parseFilterChain(s), body: this.body('endset') };
  }

  private with(line: number): Statement {
    const { s } = this;
    const names: [target: Expression, value: Expression][] = [];
    while (s.current.type !== 'tag_end') {
      if (names.length > 0) s.expectOperator(',');
      const target = parseTarget(s);
      s.expectOperator('=');
      names.push([target, parseExpression(s)]);
    }
    return { type: 'With', line, names, body: this.body('endwith') };
  }

  private parameters(): Parameter[] {
    const { s } = this;
    const made: Parameter[] = [];
    s.expectOperator('(');
    while (!s.isOperator(')')) {
      if (made.length > 0) s.expectOperator(',');
      const name = s.expectName();
      const otherwise = s.skipOperator('=') ? parseExpression(s) : null;
      if (otherwise === null && made.at(-1)?.otherwise) s.fail('a parameter without a default follows one with');
      made.push({ name, otherwise });
    }
    s.expectOperator(')');
    return made;
  }

  private printed(): Expression[] {
    const { s } = this;
    const values: Expression[] = [];
    while (s.current.type !== 'tag_end') {
      if (values.length > 0) s.expectOperator(',');
      values.push(parseExpression(s));
    }
    return values;
  }
}

/**
 * Reads a chat template by Jinja's rules.
 *
 * @throws TokenizerError `template` naming the line.
 */
export function parseTemplate(name: string, source: string): readonly Statement[] {
  const stream = new TokenStream(name, source);
  try {
    const program = new Parser(stream).statements();
    checkTemplate(program, (message, line) => stream.fail(message, line));
    return program;
  } catch (error) {
    if (error instanceof RangeError) return stream.fail('nested too deeply', undefined, { cause: error });
    throw error;
  }
}
