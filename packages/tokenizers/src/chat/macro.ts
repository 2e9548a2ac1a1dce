import { evaluate } from './expressions';
import { undefinedName } from './globals';
import { dict } from './keys';
import type { MarkedText } from './marked-text';
import { namesIn } from './names';
import type { Run } from './run';
import { Scope } from './scope';
import type { Parameter, Statement } from './syntax';
import { type Args, Callable, List, Undefined, type Value, nameOf, none, text } from './values';

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
  const names = namesIn(body);
  const own = (special: string) => parameters.some((parameter) => parameter.name === special);
  const takes = (special: string) => names.has(special) && !own(special);
  const [takesCaller, takesNamed, takesMore] = [takes('caller'), takes('kwargs'), takes('varargs')];
  const shown = name === null ? 'the call block' : `macro '${name}'`;
  const called = (args: Args): MarkedText => {
    const { list } = args;
    const inner = new Scope(scope);
    const others = new Map(args.named);
    const given = parameters.map(({ name: parameter }, i) => {
      const value = list[i] ?? others.get(parameter);
      if (list[i] === undefined) others.delete(parameter);
      // Defaults see every parameter, also one that comes later, and none of the names that it hides.
      inner.set(parameter, value ?? undefinedName(parameter));
      return value;
    });
    if (takesCaller) {
      inner.set('caller', others.get('caller') ?? new Undefined('No caller defined'));
      others.delete('caller');
    }
    if (takesNamed) {
      inner.set(
        'kwargs',
        dict(
          run,
          Array.from(others, ([key, value]): [Value, Value] => [nameOf(args, key), value]),
        ),
      );
    } else if (others.has('caller')) run.fail(`${shown} does not call what stands in a call block`);
    else if (others.size > 0) run.fail(`${shown} takes no keyword argument '${[...others.keys()][0]}'`);
    if (takesMore) inner.set('varargs', new List(list.slice(parameters.length), true));
    else if (list.length > parameters.length) {
      run.fail(`${shown} takes not more than ${parameters.length} argument(s), got ${list.length}`);
    }
    parameters.forEach(({ name: parameter, otherwise }, i) => {
      if (given[i] !== undefined) return;
      const absent = () => new Undefined(`parameter '${parameter}' was not provided`);
      inner.set(parameter, otherwise === null ? absent() : evaluate(run, otherwise, inner));
    });
    return render(body, inner);
  };
  const argumentNames = new List(
    parameters.map((parameter) => text(parameter.name)),
    true,
  );
  const fields = new Map<string, Value>([
    ['name', name === null ? none : text(name)],
    ['arguments', argumentNames],
    ['catch_kwargs', takesNamed],
    ['catch_varargs', takesMore],
    ['caller', names.has('caller')],
    ['explicit_caller', own('caller')],
  ]);
  const title = name === null ? 'anonymous' : `'${name}'`;
  return new Callable(title, (args) => run.nested(() => called(args)), 'Macro', fields);
}
