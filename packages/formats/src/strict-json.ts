/**
 * A value of {@link parseStrictJson}: objects are Maps, so that `__proto__` is a name like any other,
 * and numbers keep their source text, so that nothing is rounded before it is checked.
 */
export type StrictJson = null | boolean | string | JsonNumber | StrictJson[] | Map<string, StrictJson>;

/** A JSON number as it was written. */
export class JsonNumber {
  constructor(readonly text: string) {}

  /** The value if it is a plain non-negative integer that a double holds exactly, else undefined. */
  toSize(): number | undefined {
    if (!/^(0|[1-9][0-9]*)$/.test(this.text)) return undefined;
    const value = Number(this.text);
    return Number.isSafeInteger(value) ? value : undefined;
  }
}

const whitespace = /[ \t\n\r]*/y;
const numberToken = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const wordToken = /true|false|null/y;

/** Behind the first quote after `start` that no backslash escapes, or the end of the text. */
function stringEnd(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); quote !== -1; quote = text.indexOf('"', quote + 1)) {
    let before = quote;
    while (text[before - 1] === '\\') before -= 1;
    if ((quote - before) % 2 === 0) return quote + 1;
  }
  return text.length;
}

/** The string that a token stands for; undefined if it is none, or holds half a surrogate pair, which no UTF-8 has. */
function parseString(raw: string): string | undefined {
  let value: unknown;
  try {
    value = JSON.parse(raw);
  } catch {
    return undefined;
  }
  // Halves can only be escaped: the text itself was decoded from UTF-8.
  if (typeof value !== 'string' || (raw.includes('\\u') && /\p{Surrogate}/u.test(value))) return undefined;
  return value;
}

/**
 * Parses JSON as RFC 8259 has it and refuses what `JSON.parse` lets through silently: duplicate keys,
 * halves of surrogate pairs and nesting beyond `maxDepth`.
 *
 * @throws SyntaxError naming the position.
 */
export function parseStrictJson(text: string, maxDepth = 8): StrictJson {
  let at = 0;

  const fail = (what: string): never => {
    throw new SyntaxError(`${what} at character ${at}`);
  };
  const token = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(text);
    if (!found) return undefined;
    at = pattern.lastIndex;
    return found[0];
  };
  const skip = () => token(whitespace);
  const take = (char: string): boolean => {
    if (text[at] !== char) return false;
    at += 1;
    return true;
  };
  // Only the end is looked for here: a pattern for the whole would keep a place to go back to for every character, and
  // fail on strings of some megabytes. JSON.parse checks what lies between.
  const string = (): string => {
    const raw = text.slice(at, text[at] === '"' ? stringEnd(text, at) : at);
    const value = parseString(raw) ?? fail('expected a string');
    at += raw.length;
    return value;
  };

  const object = (depth: number): Map<string, StrictJson> => {
    const result = new Map<string, StrictJson>();
    skip();
    if (take('}')) return result;
    for (;;) {
      skip();
      const key = string();
      if (result.has(key)) fail(`duplicate key ${JSON.stringify(key.slice(0, 80))}`);
      skip();
      if (!take(':')) fail("expected ':'");
      result.set(key, value(depth));
      skip();
      if (take('}')) return result;
      if (!take(',')) fail("expected ',' or '}'");
    }
  };

  const array = (depth: number): StrictJson[] => {
    const result: StrictJson[] = [];
    skip();
    if (take(']')) return result;
    for (;;) {
      result.push(value(depth));
      skip();
      if (take(']')) return result;
      if (!take(',')) fail("expected ',' or ']'");
    }
  };

  const value = (depth: number): StrictJson => {
    if (depth > maxDepth) fail(`nested deeper than ${maxDepth} levels`);
    skip();
    if (take('{')) return object(depth + 1);
    if (take('[')) return array(depth + 1);
    if (text[at] === '"') return string();
    const word = token(wordToken);
    if (word !== undefined) return word === 'null' ? null : word === 'true';
    return new JsonNumber(token(numberToken) ?? fail('expected a value'));
  };

  const result = value(0);
  skip();
  if (at !== text.length) fail('unexpected text after the value');
  return result;
}
