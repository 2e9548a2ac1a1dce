import type { Run } from './run';
import { MarkedText } from './marked-text';
import { type Args, Num, type Value, describe, none, numeric, truthy } from './values';

/** Arguments of a function by place or by name, checked as they are read. */
export class ArgReader {
  constructor(
    private readonly run: Run,
    private readonly name: string,
    private readonly args: Args,
    private readonly parameters: readonly string[],
  ) {
    if (args.list.length > parameters.length) {
      run.fail(`${name} takes at most ${parameters.length} argument(s), got ${args.list.length}`);
    }
    for (const key of args.named.keys()) {
      if (!parameters.includes(key)) run.fail(`${name} got an unexpected keyword argument '${key}'`);
    }
  }

  get(parameter: string): Value | undefined {
    return this.args.named.get(parameter) ?? this.args.list[this.parameters.indexOf(parameter)];
  }

  /** The same, with None taken for absent. */
  private given(parameter: string): Value | undefined {
    const value = this.get(parameter);
    return value === none ? undefined : value;
  }

  need(parameter: string): Value {
    return this.get(parameter) ?? this.run.fail(`${this.name} expects an argument '${parameter}'`);
  }

  text(parameter: string, fallback?: string): MarkedText {
    const value = this.given(parameter) ?? (fallback === undefined ? undefined : new MarkedText(fallback));
    if (value instanceof MarkedText) return value;
    return this.wrong(parameter, 'a string', value);
  }

  optionalText(parameter: string): MarkedText | null {
    return this.given(parameter) === undefined ? null : this.text(parameter);
  }

  int(parameter: string, fallback?: number): number {
    const value = this.given(parameter);
    if (value === undefined && fallback !== undefined) return fallback;
    const number = value === undefined ? null : numeric(value);
    if (number instanceof Num && !number.float && number.big === null) return number.value;
    return this.wrong(parameter, 'a whole number', value);
  }

  flag(parameter: string, fallback: boolean): boolean {
    const value = this.get(parameter);
    return value === undefined ? fallback : truthy(value);
  }

  private wrong(parameter: string, expected: string, got: Value | undefined): never {
    return this.run.fail(
      `${this.name} expects ${expected} as '${parameter}', got ${got === undefined ? 'nothing' : describe(got)}`,
    );
  }
}
