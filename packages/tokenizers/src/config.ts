import { TokenizerError } from './errors';

/** Components of components beyond which only a broken or hostile file goes: readers call themselves for each. */
const maxDepth = 100;

/** A parsed JSON object with the place it came from, for messages. */
export class Reader {
  constructor(
    private readonly value: Readonly<Record<string, unknown>>,
    readonly place: string,
    /** Components that this one is part of. */
    private readonly depth = 0,
  ) {}

  /** @throws TokenizerError `invalid_file` unless the value is an object. */
  static of(value: unknown, place: string, depth = 0): Reader {
    if (!isRecord(value)) throw malformed(place, 'an object', value);
    return new Reader(value, place, depth);
  }

  /** The parsed object itself. */
  get raw(): Readonly<Record<string, unknown>> {
    return this.value;
  }

  at(key: string): string {
    return this.place === '' ? key : `${this.place}.${key}`;
  }

  get(key: string): unknown {
    return Object.hasOwn(this.value, key) ? this.value[key] : undefined;
  }

  string(key: string, fallback?: string): string {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'string') throw malformed(this.at(key), 'a string', value);
    return value;
  }

  optionalString(key: string): string | null {
    const value = this.get(key) ?? null;
    return value === null ? null : this.string(key);
  }

  boolean(key: string, fallback?: boolean): boolean {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'boolean') throw malformed(this.at(key), 'true or false', value);
    return value;
  }

  /** A whole number of at least `least`. */
  integer(key: string, fallback?: number, least = 0): number {
    const value = this.get(key) ?? fallback;
    if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < least) {
      throw malformed(this.at(key), `a whole number of at least ${least}`, value);
    }
    return value;
  }

  oneOf<T extends string>(key: string, names: readonly T[], fallback?: T): T {
    const value = this.get(key) ?? fallback;
    const found = names.find((name) => name === value);
    if (found === undefined) throw malformed(this.at(key), `one of ${names.join(', ')}`, value);
    return found;
  }

  list(key: string): readonly unknown[] {
    const value = this.get(key);
    if (!Array.isArray(value)) throw malformed(this.at(key), 'a list', value);
    return value;
  }

  reader(key: string): Reader {
    return Reader.of(this.get(key), this.at(key));
  }

  /** What the component is, by its type. @throws TokenizerError `unsupported` for an unknown one. */
  component<T>(readers: Readonly<Record<string, (config: Reader) => T>>): T {
    const type = this.string('type');
    const read = Object.hasOwn(readers, type) ? readers[type] : undefined;
    if (read === undefined) {
      throw new TokenizerError(
        'unsupported',
        `[tokenizer] ${this.at('type')}: expected one of ${Object.keys(readers).join(', ')}, got ${JSON.stringify(type)}`,
      );
    }
    return read(this);
  }

  /** The components of a list, each made by `create`. */
  components<T>(key: string, create: (config: Reader) => T): T[] {
    const parts = this.list(key);
    if (this.depth === maxDepth && parts.length > 0) {
      const place = `${this.place.slice(0, 60)}…`;
      throw malformedAs(place, `components in components at most ${maxDepth} deep`, 'more, or one that is in itself');
    }
    return parts.map((part, i) => create(Reader.of(part, `${this.at(key)}[${i}]`, this.depth + 1)));
  }
}

/** True for objects that are no lists. */
export function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Shortens a value for a message. */
export function shown(value: unknown): string {
  let text: string;
  try {
    // JSON writes null for NaN and infinities.
    text = typeof value === 'number' ? String(value) : (JSON.stringify(value) ?? String(value));
  } catch {
    // A cycle, an object too deep, a bigint.
    text = typeof value === 'bigint' ? `${value}n` : Array.isArray(value) ? 'a list' : 'an object';
  }
  return text.length > 80 ? `${text.slice(0, 77)}…` : text;
}

export function malformed(place: string, expected: string, got: unknown): TokenizerError {
  return malformedAs(place, expected, shown(got));
}

/** The same with words of one's own for what came. */
export function malformedAs(place: string, expected: string, got: string): TokenizerError {
  const where = place === '' ? 'tokenizer.json' : place;
  return new TokenizerError('invalid_file', `[tokenizer] ${where}: expected ${expected}, got ${got}`);
}

/** Vocabulary: an object from token to id, ids whole and each given once. */
export function readVocab(value: unknown, place: string): Map<string, number> {
  if (!isRecord(value)) throw malformed(place, 'an object from token to id', value);
  const vocab = new Map<string, number>();
  for (const [token, id] of Object.entries(value)) {
    checkId(token, id, place);
    vocab.set(token, id);
  }
  return vocab;
}

/** Ids stay below 2^24: a table by id then stays small enough whatever a file claims. */
export const maxId = 2 ** 24 - 1;

function checkId(token: string, id: unknown, place: string): asserts id is number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= maxId) return;
  throw malformed(`${place}[${JSON.stringify(token)}]`, `an id from 0 to ${maxId}`, id);
}

/** Token of each id. @throws TokenizerError `invalid_file` if two tokens share an id, or an id is none. */
export function invertVocab(vocab: ReadonlyMap<string, number>, place: string): (string | undefined)[] {
  if (Object.prototype.toString.call(vocab) !== '[object Map]') throw malformed(place, 'a Map from token to id', vocab);
  const tokens: (string | undefined)[] = [];
  for (const [token, id] of vocab) {
    checkId(token, id, place);
    const other = tokens[id];
    if (other !== undefined) {
      throw malformedAs(place, 'each id once', `${id} for both ${JSON.stringify(other)} and ${JSON.stringify(token)}`);
    }
    tokens[id] = token;
  }
  return tokens;
}

/** For what a caller gave instead of something of another type. Data is told by its type only. */
export function wrongArgument(loader: string, name: string, expected: string, got: unknown): TokenizerError {
  const what = typeof got === 'object' && got !== null ? Object.prototype.toString.call(got).slice(8, -1) : shown(got);
  return new TokenizerError('invalid_argument', `[${loader}] ${name}: expected ${expected}, got ${what}`);
}
