import type { Value } from './values';

/** Names of a scope; looked up here, then outside. */
export class Scope {
  private readonly names = new Map<string, Value>();

  constructor(private readonly outer: Scope | null) {}

  get(name: string): Value | undefined {
    return this.names.get(name) ?? this.outer?.get(name);
  }

  set(name: string, value: Value): void {
    this.names.set(name, value);
  }
}
