import { Loop } from './loop';
import { MarkedText } from './marked-text';
import { binary, compared } from './operators';
import { str } from './repr';
import type { Run } from './run';
import { Callable, Dict, List, Stream, Undefined, type Value, View, int, none, numeric, typeName } from './values';

/** A test's value and its arguments. */
export type Test = (run: Run, value: Value, args: readonly Value[]) => boolean;

function operator(op: string): Test {
  return (run, value, args) =>
    compared(run, op, value, args[0] ?? run.fail(`expected an argument of the test ${op}, got none`));
}

/** True if `value % by` is `rest`; of a string, % makes a string. */
function leaves(run: Run, value: Value, by: Value, rest: number): boolean {
  return compared(run, '==', binary(run, '%', value, by), int(rest));
}

function isSequence(value: Value): boolean {
  return (
    value instanceof List ||
    value instanceof MarkedText ||
    value instanceof Dict ||
    value instanceof Undefined ||
    (value instanceof View && value.name === 'range')
  );
}

const number = (value: Value, float: boolean) =>
  typeof value !== 'boolean' && value.kind === 'number' && value.float === float;

/** What `is NAME` may ask of a value. */
export const valueTests: ReadonlyMap<string, Test> = new Map<string, Test>([
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
  ['sequence', (_, value) => isSequence(value)],
  ['iterable', (_, value) => isSequence(value) || value instanceof View || value instanceof Stream],
  // Jinja's Undefined has a method that raises, and so has a loop.
  ['callable', (_, value) => value instanceof Callable || value instanceof Undefined || value instanceof Loop],
  ['escaped', (_, value) => value instanceof MarkedText && value.safe],
  ['even', (run, value) => leaves(run, value, int(2), 0)],
  ['odd', (run, value) => leaves(run, value, int(2), 1)],
  ['divisibleby', (run, value, args) => leaves(run, value, args[0] ?? none, 0)],
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
        ? typeName(value) === typeName(other) && compared(run, '==', value, other)
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
]);
