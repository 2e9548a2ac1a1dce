import type { Node } from './ast';
import { anything } from './class-reader';
import { EscapeReader, type Flags } from './escape-reader';

const nothing: Node = { type: 'sequence', items: [] };
const all: Node = {
  type: 'repeat',
  item: { type: 'set', source: anything },
  min: 0,
  max: Number.POSITIVE_INFINITY,
  mode: 'greedy',
};

/** Reads what stands in round brackets, but for flags. */
export abstract class GroupReader extends EscapeReader {
  /** What `|` parts, up to the end of the group. */
  protected abstract alternatives(flags: Flags): Node[];

  protected choice(flags: Flags): Node {
    return this.within(() => choiceOf(this.alternatives(flags)));
  }

  protected close<T extends Node>(node: T): T {
    if (!this.eat(')')) this.fail('a group without an end');
    return node;
  }

  protected group(flags: Flags): Node {
    if (this.eat('(?:')) return this.close(this.choice(flags));
    if (this.eat('(?>')) return this.close({ type: 'atomic', item: this.choice(flags) });
    const [look, behind, sign] = this.match(/\(\?(<?)([=!])/y) ?? [];
    if (look !== undefined)
      return this.close({ type: 'look', item: this.choice(flags), behind: behind === '<', negative: sign === '!' });
    if (this.dialect === 'oniguruma') {
      if (this.eat('(?~')) return this.absence(flags);
      if (this.eat('(?(')) return this.condition(flags);
      if (this.match(/\((\*|\?\{)/y)) this.fail('a callout', 'unsupported');
    }
    const name = this.match(this.dialect === 'rust' ? /\(\?P?(?=<)/y : /\(\?(?=[<'])/y) ? this.name() : null;
    if (name === null) {
      if (this.pattern.startsWith('(?', this.at)) this.fail(`the group ${this.pattern.slice(this.at, this.at + 4)}`);
      this.at++;
      if (this.plain) return this.close(this.choice(flags));
    } else if (!/^(?!\d)[\p{L}\p{N}_]/u.test(name)) this.fail('a group without a name');
    const index = ++this.captures;
    if (name !== null) this.names.set(name, [...(this.names.get(name) ?? []), index]);
    return this.close({ type: 'capture', item: this.choice(flags), index });
  }

  /** `(?~absent)` is any text without it, `(?~|absent|item)` an item without it, `(?~|absent)` holds from there on. */
  private absence(flags: Flags): Node {
    if (this.eat('|)')) return { type: 'rangeClear' };
    if (!this.eat('|')) return this.close({ type: 'absent', items: [this.choice(flags), all] });
    const [absent = nothing, ...rest] = this.within(() => this.alternatives(flags));
    if (rest.length === 0) return this.close({ type: 'stopper', item: absent });
    return this.close({ type: 'absent', items: [absent, choiceOf(rest)] });
  }

  /** A condition on a group's text, which may stand alone, or on a pattern. */
  private condition(flags: Flags): Node {
    const [number] = this.match(/[+-]?\d+(?:[+-]\d+)?(?=\))/y) ?? [];
    const group = number ?? (/[<']/.test(this.pattern.charAt(this.at)) ? this.name() : null);
    const test = this.close(group === null ? this.choice(flags) : this.reference(group, flags, true));
    if (this.eat(')')) return group === null ? this.fail('a condition of nothing') : test;
    // An empty first branch may be followed by several.
    const [yes = nothing, ...rest] = this.within(() => this.alternatives(flags));
    return this.close({ type: 'condition', items: [test, yes, rest.length === 0 ? nothing : choiceOf(rest)] });
  }
}

function choiceOf(items: readonly Node[]): Node {
  return items.length === 1 ? (items[0] as Node) : { type: 'choice', items };
}
