import { parse as parseTokens, tokenize } from '@huggingface/jinja';
import { TokenizerError } from '../errors';
import { placeOf } from './run';
import { type Segment, cut, endOfString } from './source';
import { type Program, generationName, testPrefix, withName } from './syntax';

type Token = ReturnType<typeof tokenize>[number];

const token = (type: Token['type'], value: string): Token => ({ type, value });
const [openParen, closeParen] = [token('OpenParen', '('), token('CloseParen', ')')];

const escapes: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  b: '\b',
  f: '\f',
  v: '\v',
  a: '\u0007',
  '\\': '\\',
  "'": "'",
  '"': '"',
  '\n': '',
};

/** Python's escapes in the inside of a string literal; unknown ones stay as they are. */
function unescape(inside: string): string {
  return inside.replace(
    /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U(00[01][0-9a-fA-F]{5})|([0-7]{1,3})|(.))/gs,
    (whole, x?: string, u?: string, long?: string, octal?: string, char?: string) => {
      const hex = x ?? u ?? long;
      if (hex !== undefined) {
        const code = Number.parseInt(hex, 16);
        return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
      }
      if (octal !== undefined) return String.fromCharCode(Number.parseInt(octal, 8));
      return escapes[char as string] ?? whole;
    },
  );
}

/** The source of a tag with its strings written so that the tokenizer of the library reads Python's meaning. */
function withPlainStrings(source: string): string {
  let out = '';
  let done = 0;
  for (let i = 0; i < source.length; ) {
    if (source[i] !== '"' && source[i] !== "'") {
      i++;
      continue;
    }
    const end = endOfString(source, i);
    const value = unescape(source.slice(i + 1, end - 1));
    const written = value.replace(/[^\p{L}\p{N} _]/gu, (char) =>
      Array.from({ length: char.length }, (_, k) => `\\u${char.charCodeAt(k).toString(16).padStart(4, '0')}`).join(''),
    );
    out += `${source.slice(done, i)}'${written}'`;
    done = i = end;
  }
  return out + source.slice(done);
}

/** A tag of ours that stands for one that the library does not know. */
function translated(content: string): string | null {
  const [word] = /^\s*\w+/.exec(content) ?? [''];
  switch (word.trim()) {
    case 'generation':
      return `call ${placeholder}()`;
    case 'with': {
      const rest = content.slice(word.length).trim();
      return `call${rest === '' ? '' : `(${rest})`} ${placeholder}()`;
    }
    case 'endgeneration':
    case 'endwith':
      return 'endcall';
    default:
      return null;
  }
}

const placeholder = 'placeholder__';

function tagTokens({ type, content }: Segment): Token[] {
  if (type === 'expression') return tokenize(`{{${withPlainStrings(content)}}}`);
  const made = tokenize(`{%${withPlainStrings(translated(content) ?? content)}%}`);
  if (translated(content) === null) return made;
  const name = /^\s*generation/.test(content) ? generationName : withName;
  return made.map((t) => (t.value === placeholder ? token('Identifier', name) : t));
}

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

/** The library reads no `()` and `(a,)`: they become lists, which differ from tuples only in how they print. */
function tuplesToLists(tokens: readonly Token[]): Token[] {
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
    out[i] = token('OpenSquareBracket', '[');
    out[end] = token('CloseSquareBracket', ']');
  }
  return out;
}

/** Parses a template with the parser of `@huggingface/jinja`. */
function parsed(tokens: readonly Token[]): Program {
  // The declarations of the library say no more of its nodes than that they have a type; `syntax.ts` says the rest.
  return parseTokens([...tokens]) as unknown as Program;
}

/** The line up to which the parser reads before it fails. */
function lineOfFailure(tokens: readonly Token[], lines: readonly number[]): number {
  let furthest = 0;
  const watched = new Proxy([...tokens], {
    get(target, key, receiver) {
      if (typeof key === 'string' && /^\d+$/.test(key)) furthest = Math.max(furthest, Number(key));
      return Reflect.get(target, key, receiver) as unknown;
    },
  });
  try {
    parseTokens(watched);
  } catch {
    // It failed before, too.
  }
  return lines[Math.min(furthest, lines.length - 1)] ?? 1;
}

/**
 * Reads a chat template. `@huggingface/jinja` tokenizes the tags and parses; cutting the source at its tags, which
 * needs their lines and Jinja's rules for whitespace, is ours.
 *
 * @throws TokenizerError `template` naming the line.
 */
export function parseTemplate(name: string, source: string): Program {
  const tokens: Token[] = [];
  const lines: number[] = [];
  const add = (line: number, list: readonly Token[]) => {
    for (const t of list) {
      tokens.push(t);
      lines.push(line);
    }
  };
  const fail = (line: number, error: unknown): never => {
    const message =
      error instanceof RangeError ? 'nested too deeply' : error instanceof Error ? error.message : String(error);
    const readable = /undefined/.test(message) ? 'unexpected end of the template or of a tag' : message;
    throw new TokenizerError(
      'template',
      `[${placeOf(name, line)}] expected a Jinja template, got a syntax error: ${readable}`,
      {
        cause: error,
      },
    );
  };
  for (const segment of cut(name, source)) {
    if (segment.type === 'text') {
      add(segment.line, [token('Text', segment.content)]);
      continue;
    }
    try {
      // The number goes to the run through the only node that the parser lets stand anywhere.
      add(segment.line, [token('Comment', String(segment.line)), ...tuplesToLists(testsToFilters(tagTokens(segment)))]);
    } catch (error) {
      fail(segment.line, error);
    }
  }
  try {
    return parsed(tokens);
  } catch (error) {
    return fail(lineOfFailure(tokens, lines), error);
  }
}
