import { type Tensor, normal, profile, relu, sum, tensor, valueAndGrad } from '@tessera-llm/tensor';
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

describe('profiles', () => {
  class Block extends Module {
    readonly up = new Linear(4, 8, { init: initializer({ seed: 1 }) });
    readonly down = new Linear(8, 4, { init: initializer({ seed: 2 }) });
    forward(x: Tensor): Tensor {
      return this.down.forward(relu(this.up.forward(x)));
    }
  }
  class Net extends Module {
    readonly blocks = [new Block(), new Block()];
    hidden(x: Tensor): Tensor {
      return this.blocks.reduce((h, block) => block.forward(h), x);
    }
  }

  it('have time and live memory by module path, backward passes included', () => {
    const net = new Net();
    const x = normal([3, 4], { seed: 3 });
    const { modules } = profile(() => valueAndGrad(() => sum(net.hidden(x)), net.parameters()).value);
    const by = new Map(modules.map((m) => [m.path, m]));
    const inside = [0, 1].flatMap((i) => ['', '.up', '.down'].map((part) => `blocks.${i}${part}`));
    expect([...by.keys()].sort()).toEqual(['', ...inside].sort());
    for (const path of inside) {
      const m = by.get(path);
      expect(m?.backwardMs).toBeGreaterThan(0);
      expect(m?.ms).toBeGreaterThan(m?.backwardMs ?? 0);
      // A (3, 8) or (3, 4) float32 array is what its forward pass leaves.
      expect(m?.keptBytes).toBeGreaterThanOrEqual(path.endsWith('down') ? 48 : 96);
    }
  });

  it('start where the outermost module is called, and know its path after train()', () => {
    const net = new Net().train();
    const x = normal([3, 4], { seed: 3 });
    const paths = (fn: () => Tensor) =>
      profile(fn)
        .modules.map((m) => m.path)
        .sort();
    expect(paths(() => (net.blocks[1] as Block).forward(x))).toEqual(['blocks.1', 'blocks.1.down', 'blocks.1.up']);
    expect(paths(() => new Block().forward(x))).toEqual(['', 'down', 'up']);
    expect(Object.keys(net)).toEqual(Object.keys(new Net()));
    expect(net.children().map(([path]) => path)).toEqual(['blocks.0', 'blocks.1']);
  });

  it('survive a module that throws', () => {
    const net = new Net();
    expect(() => profile(() => net.hidden(normal([3, 5], { seed: 1 })))).toThrow(/linear/);
    const x = normal([3, 4], { seed: 1 });
    expect(profile(() => net.hidden(x)).modules.length).toBe(6);
  });
});
