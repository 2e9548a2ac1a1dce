import { parse as parseTokens, tokenize } from '@huggingface/jinja';
import { TokenizerError } from '../errors';
import { type Token, rewrite, token } from './rewrite';
import { placeOf } from './run';
import { type Segment, cut, endOfString } from './source';
import { type Program, generationName, withName } from './syntax';

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

const number = /(?<![\w.])\d[\d_]*(?:\.\d[\d_]*)?(?:[eE][+-]?\d+)?/g;

/** A number without underscores and exponent, which the library does not read. */
function plainNumber(written: string): string {
  const digits = written.replaceAll('_', '');
  if (!/e/i.test(digits)) return digits;
  const value = Number(digits);
  return Number.isInteger(value) ? value.toFixed(1) : value.toFixed(30);
}

/** The source of a tag with its strings and numbers written so that the tokenizer of the library reads Python's meaning. */
function withPlainStrings(source: string): string {
  let out = '';
  let done = 0;
  const code = (from: number, to: number) => source.slice(from, to).replace(number, plainNumber);
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
    out += `${code(done, i)}'${written}'`;
    done = i = end;
  }
  return out + code(done, source.length);
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
      add(segment.line, [token('Comment', String(segment.line)), ...rewrite(tagTokens(segment))]);
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
