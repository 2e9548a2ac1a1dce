import { evaluate } from './expressions';
import type { MarkedText } from './marked-text';
import type { Run } from './run';
import { Scope } from './scope';
import type { Parameter, Statement } from './syntax';
import { type Args, Callable, List, Undefined, type Value, dict, nameOf } from './values';

/** Names that a body reads, wherever in it. */
function namesIn(node: unknown, found: Set<string>): Set<string> {
  if (typeof node !== 'object' || node === null) return found;
  if ('type' in node && node.type === 'Name' && 'name' in node) found.add(String(node.name));
  for (const part of Object.values(node)) namesIn(part, found);
  return found;
}

/**
 * A macro as a function; one without a name is the body of a call block. As in Jinja it takes further arguments only if its body reads `varargs` or `kwargs`, and a
 * call block's only if it reads `caller`.
 */
export function macro(
  run: Run,
  name: string | null,
  { parameters, body }: { readonly parameters: readonly Parameter[]; readonly body: readonly Statement[] },
  scope: Scope,
  render: (body: readonly Statement[], scope: Scope) => MarkedText,
): Callable {
  const names = namesIn(body, new Set());
  const shown = name === null ? 'the call block' : `macro '${name}'`;
  const called = (args: Args): MarkedText => {
    const { list } = args;
    const inner = new Scope(scope);
    const others = new Map(args.named);
    const set = (parameter: string, value: Value) => inner.set(parameter, value);
    parameters.forEach(({ name: parameter, otherwise }, i) => {
      const value = list[i] ?? others.get(parameter);
      if (list[i] === undefined) others.delete(parameter);
      if (value !== undefined) set(parameter, value);
      else if (otherwise !== null) set(parameter, evaluate(run, otherwise, inner));
      else set(parameter, new Undefined(`parameter '${parameter}' was not provided`));
    });
    if (names.has('caller') && !parameters.some((parameter) => parameter.name === 'caller')) {
      set('caller', others.get('caller') ?? new Undefined('No caller defined'));
      others.delete('caller');
    }
    if (names.has('kwargs')) {
      set(
        'kwargs',
        dict(
          run,
          Array.from(others, ([key, value]): [Value, Value] => [nameOf(args, key), value]),
        ),
      );
    } else if (others.has('caller')) run.fail(`${shown} does not call what stands in a call block`);
    else if (others.size > 0) run.fail(`${shown} takes no keyword argument '${[...others.keys()][0]}'`);
    if (names.has('varargs')) set('varargs', new List(list.slice(parameters.length), true));
    else if (list.length > parameters.length) {
      run.fail(`${shown} takes not more than ${parameters.length} argument(s), got ${list.length}`);
    }
    return render(body, inner);
  };
  return new Callable(name === null ? 'anonymous' : `'${name}'`, (args) => run.nested(() => called(args)), 'Macro');
}
