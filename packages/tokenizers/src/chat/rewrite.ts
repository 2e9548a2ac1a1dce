import type { tokenize } from '@huggingface/jinja';
import { testPrefix, tupleName } from './syntax';

/** A token of the library. */
export type Token = ReturnType<typeof tokenize>[number];

export const token = (type: Token['type'], value: string): Token => ({ type, value });
const [openParen, closeParen] = [token('OpenParen', '('), token('CloseParen', ')')];

const opens = new Set(['OpenParen', 'OpenSquareBracket', 'OpenCurlyBracket']);
const closes = new Set(['CloseParen', 'CloseSquareBracket', 'CloseCurlyBracket']);
/** Words behind a test's name that are no argument of it. */
const keywords = new Set(['and', 'else', 'if', 'in', 'is', 'not', 'or']);
const isWord = (t: Token | undefined, value: string) => t?.type === 'Identifier' && t.value === value;

/** The place behind the bracket that closes the one at `at`. */
function behindBracket(tokens: readonly Token[], at: number): number {
  let depth = 0;
  for (let i = at; i < tokens.length; i++) {
    const { type } = tokens[i] as Token;
    if (opens.has(type)) depth++;
    else if (closes.has(type) && --depth === 0) return i + 1;
  }
  return tokens.length;
}

/** The place behind the argument of a test that is given without parentheses. */
function behindArgument(tokens: readonly Token[], at: number): number {
  const { type } = tokens[at] as Token;
  let end = opens.has(type) ? behindBracket(tokens, at) : at + 1;
  for (;;) {
    const next = tokens[end]?.type;
    if (next === 'Dot') end += 2;
    else if (next === 'OpenParen' || next === 'OpenSquareBracket') end = behindBracket(tokens, end);
    else return end;
  }
}

/** The library's tests take no arguments: `a is NAME x` becomes the filter `a | is NAME(x)`. */
function testsToFilters(tokens: readonly Token[]): Token[] {
  const out: Token[] = [];
  for (let i = 0; i < tokens.length; ) {
    const at = tokens[i] as Token;
    const negated = isWord(at, 'is') && isWord(tokens[i + 1], 'not');
    const name = tokens[i + (negated ? 2 : 1)];
    const place = i + (negated ? 3 : 2);
    const next = tokens[place];
    const argued =
      isWord(at, 'is') &&
      name?.type === 'Identifier' &&
      next !== undefined &&
      (next.type === 'Identifier' ? !keywords.has(next.value) : opens.has(next.type) || /Literal$/.test(next.type));
    if (!argued) {
      out.push(at);
      i++;
      continue;
    }
    const end = next.type === 'OpenParen' ? behindBracket(tokens, place) : behindArgument(tokens, place);
    const inner = testsToFilters(tokens.slice(place, end));
    out.push(token('Pipe', '|'), token('Identifier', `${negated ? testPrefix.isNot : testPrefix.is}${name.value}`));
    out.push(...(next.type === 'OpenParen' ? inner : [openParen, ...inner, closeParen]));
    i = end;
  }
  return out;
}

/** The library reads no `()` and `(a,)`: they become lists that a filter turns into tuples. */
function shortTuples(tokens: readonly Token[]): Token[] {
  const out = [...tokens];
  for (let i = 0; i < out.length; i++) {
    const before = out[i - 1];
    const calls =
      before !== undefined &&
      (/^(?:Close(?:Paren|SquareBracket)|StringLiteral)$/.test(before.type) ||
        (before.type === 'Identifier' && !keywords.has(before.value)));
    if (out[i]?.type !== 'OpenParen' || calls) continue;
    const end = behindBracket(out, i) - 1;
    if (out[end]?.type !== 'CloseParen' || !(end === i + 1 || out[end - 1]?.type === 'Comma')) continue;
    out.splice(end, 0, token('CloseSquareBracket', ']'), token('Pipe', '|'), token('Identifier', tupleName));
    out.splice(i + 1, 0, token('OpenSquareBracket', '['));
  }
  return out;
}

/** Words that stand between expressions. */
const between = new Set(['and', 'else', 'if', 'in', 'not', 'or']);

/** In Jinja `~` binds tighter than `+`, in the library they are alike: chains of `~` get parentheses. */
function groupTildes(tokens: readonly Token[]): Token[] {
  const out: Token[] = [];
  // For each open bracket where the current chain began, and whether it has a `~`.
  const chains = [{ from: 0, tilde: false }];
  const close = () => {
    const chain = chains.at(-1);
    if (chain?.tilde) {
      out.splice(chain.from, 0, openParen);
      out.push(closeParen);
    }
  };
  tokens.forEach((at, i) => {
    const chain = chains.at(-1) as { from: number; tilde: boolean };
    const { type, value } = at;
    const word = type === 'Identifier' && (between.has(value) || tokens[i - 1]?.type === 'OpenStatement');
    const negatedTest = value === 'not' && isWord(tokens[i - 1], 'is');
    const sign = type === 'AdditiveBinaryOperator' && value !== '~' && out.length > chain.from;
    const ends = /^(?:Comma|Colon|Equals|ComparisonBinaryOperator|CloseStatement|CloseExpression)$/.test(type);
    if (closes.has(type)) {
      close();
      chains.pop();
      out.push(at);
    } else if (sign || ends || (word && !negatedTest)) {
      close();
      out.push(at);
      chain.from = out.length;
      chain.tilde = false;
    } else {
      if (type === 'AdditiveBinaryOperator' && value === '~') chain.tilde = true;
      out.push(at);
      if (type === 'OpenStatement' || type === 'OpenExpression') chain.from = out.length;
      if (opens.has(type)) chains.push({ from: out.length, tilde: false });
    }
  });
  return out;
}

/**
 * `a < b < c` means `a < b and b < c` in Jinja, and the library reads `(a < b) < c`: better none than a wrong answer.
 */
function refuseChains(tokens: readonly Token[]): void {
  const compared = [false];
  for (const { type, value } of tokens) {
    if (opens.has(type)) compared.push(false);
    else if (closes.has(type)) compared.pop();
    else if (/^(?:Comma|Colon|Equals)$/.test(type) || (type === 'Identifier' && between.has(value)))
      compared[compared.length - 1] = false;
    else if (type === 'ComparisonBinaryOperator') {
      if (compared.at(-1))
        throw new SyntaxError(`chained comparisons are not supported; write a ${value} b and b ${value} c`);
      compared[compared.length - 1] = true;
    }
  }
}

/** The tokens of a tag, with what the library's parser lacks or reads otherwise expressed in what it has. */
export function rewrite(tokens: readonly Token[]): Token[] {
  refuseChains(tokens);
  return shortTuples(testsToFilters(groupTildes(tokens)));
}
