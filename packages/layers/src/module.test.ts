import { tensor } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { Dropout } from './dropout';
import { LayersError } from './errors';
import { initializer } from './init';
import { Linear } from './linear';
import { Module } from './module';

class Branch extends Module {
  readonly lin: Linear;
  readonly drop = new Dropout(0.5);
  constructor(seed: number) {
    super();
    this.lin = new Linear(2, 3, { init: initializer({ seed }), bias: false });
  }
}

class Tree extends Module {
  readonly layers = [new Branch(1), new Branch(2)];
  readonly head = new Linear(3, 1, { init: initializer({ seed: 3 }) });
  /** A second use of a module is no second parameter. */
  readonly again = this.head;
  readonly nothing = null;
}

describe('Module', () => {
  it('names parameters by the fields on the way', () => {
    const tree = new Tree();
    expect([...tree.namedParameters().keys()]).toEqual([
      'layers.0.lin.weight',
      'layers.1.lin.weight',
      'head.weight',
      'head.bias',
    ]);
    expect(tree.parameterCount()).toBe(2 * 6 + 3 + 1);
    expect([...tree.namedModules().keys()]).toContain('layers.1.drop');
  });

  it('train() and eval() reach every module and tell it its path', () => {
    const tree = new Tree();
    const drop = tree.layers[1]?.drop;
    expect(drop?.training).toBe(false);
    tree.train();
    expect([drop?.training, drop?.path]).toEqual([true, 'layers.1.drop']);
    tree.eval();
    expect(drop?.training).toBe(false);
  });

  it('loads a state and gives it back', () => {
    const from = new Tree();
    const to = new Tree();
    const state = new Map(
      [...from.namedParameters()].map(([key, p]) => [
        key,
        tensor(
          Array.from(p.dataSync(), (v) => v + 1),
          { shape: p.shape },
        ),
      ]),
    );
    to.load(state);
    for (const [key, p] of to.namedParameters()) expect(p.dataSync()).toEqual(state.get(key)?.dataSync());
  });

  it('names missing, unexpected and misshapen keys, and changes nothing', () => {
    const tree = new Tree();
    const head = tree.namedParameters().get('head.weight');
    const before = head?.dataSync();
    const state = new Map(tree.namedParameters());
    state.delete('head.bias');
    state.set(
      'head.weight',
      tensor([
        [9, 9, 9],
        [9, 9, 9],
      ]),
    );
    state.set('extra', tensor([1]));
    const load = () => tree.load(state);
    expect(load).toThrow(LayersError);
    expect(load).toThrow(
      /missing keys: head\.bias.*unexpected keys: extra.*head\.weight: expected \(1, 3\), got \(2, 3\)/,
    );
    expect(head?.dataSync()).toEqual(before);
  });
});
