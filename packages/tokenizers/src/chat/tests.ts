import { MarkedText } from './marked-text';
import { binary } from './operators';
import { str } from './repr';
import type { Run } from './run';
import { Callable, Dict, List, Undefined, type Value, describe, none, numeric } from './values';

/** A test's value and its arguments. */
type Test = (run: Run, value: Value, args: readonly Value[]) => boolean;

function operator(op: string): Test {
  return (run, value, args) =>
    binary(run, op, value, args[0] ?? run.fail(`expected an argument of the test ${op}, got none`)) === true;
}

function whole(run: Run, value: Value): number {
  const number = numeric(value);
  return number === null ? run.fail(`expected a number, got ${describe(value)}`) : number.value;
}

const number = (value: Value, float: boolean) =>
  typeof value !== 'boolean' && value.kind === 'number' && value.float === float;

/** What `is NAME` may ask. */
export const tests: ReadonlyMap<string, Test> = new Map<string, Test>([
  ['defined', (_, value) => !(value instanceof Undefined)],
  ['undefined', (_, value) => value instanceof Undefined],
  ['none', (_, value) => value === none],
  ['boolean', (_, value) => typeof value === 'boolean'],
  ['true', (_, value) => value === true],
  ['false', (_, value) => value === false],
  ['string', (_, value) => value instanceof MarkedText],
  ['number', (_, value) => numeric(value) !== null],
  ['integer', (_, value) => number(value, false)],
  ['float', (_, value) => number(value, true)],
  ['mapping', (_, value) => value instanceof Dict],
  [
    'sequence',
    (_, value) =>
      value instanceof List || value instanceof MarkedText || value instanceof Dict || value instanceof Undefined,
  ],
  [
    'iterable',
    (_, value) =>
      value instanceof List || value instanceof MarkedText || value instanceof Dict || value instanceof Undefined,
  ],
  ['callable', (_, value) => value instanceof Callable],
  ['escaped', () => false],
  ['even', (run, value) => whole(run, value) % 2 === 0],
  ['odd', (run, value) => Math.abs(whole(run, value) % 2) === 1],
  ['divisibleby', (run, value, args) => whole(run, binary(run, '%', value, args[0] ?? none)) === 0],
  [
    'lower',
    (run, value) =>
      /\p{Cased}/u.test(str(run, value).text) && str(run, value).text === str(run, value).text.toLowerCase(),
  ],
  [
    'upper',
    (run, value) =>
      /\p{Cased}/u.test(str(run, value).text) && str(run, value).text === str(run, value).text.toUpperCase(),
  ],
  [
    'sameas',
    (run, value, args) => {
      const other = args[0] ?? none;
      const scalar = (v: Value) => v === none || typeof v === 'boolean' || v.kind === 'number';
      return scalar(value) && scalar(other)
        ? typeof value === typeof other && binary(run, '==', value, other) === true
        : value === other;
    },
  ],
  ['in', operator('in')],
  ['eq', operator('==')],
  ['==', operator('==')],
  ['equalto', operator('==')],
  ['ne', operator('!=')],
  ['!=', operator('!=')],
  ['lt', operator('<')],
  ['<', operator('<')],
  ['lessthan', operator('<')],
  ['le', operator('<=')],
  ['<=', operator('<=')],
  ['gt', operator('>')],
  ['>', operator('>')],
  ['greaterthan', operator('>')],
  ['ge', operator('>=')],
  ['>=', operator('>=')],
  ['test', (_, value) => value instanceof MarkedText && tests.has(value.text)],
]);

/** @throws TokenizerError `template` for a test that there is not. */
export function applyTest(run: Run, name: string, value: Value, args: readonly Value[]): boolean {
  run.charge(1);
  const test = tests.get(name) ?? run.fail(`No test named '${name}'.`);
  return test(run, value, args);
}
