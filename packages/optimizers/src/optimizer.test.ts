import { fromBytes, memory, parameter, scope, type Tensor, tensor } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { createOptimizer, type OptimizerType, optimizerTypes, type UncheckedSettings } from './create-optimizer.js';
import { Optimizer, type OptimizerRule } from './optimizer.js';
import { AdamW } from './rules/adam.js';
import { Muon } from './rules/muon.js';
import { SGD } from './rules/sgd.js';

const values = (x: Tensor | undefined) => [...(x?.dataSync() ?? [])];

/** Two matrices with fixed, uneven values. */
function model(): Record<string, Tensor> {
  const make = (seed: number, rows: number, columns: number) =>
    parameter(
      tensor(
        Float32Array.from({ length: rows * columns }, (_, i) => Math.sin(seed + i)),
        { shape: [rows, columns] },
      ),
    );
  return { a: make(1, 3, 4), b: make(2, 2, 2) };
}
const gradsAt = (params: Record<string, Tensor>, step: number) =>
  Object.fromEntries(
    Object.entries(params).map(([name, { shape, size }]) => [
      name,
      tensor(
        Float32Array.from({ length: size }, (_, i) => Math.cos(step * 7 + i)),
        { shape },
      ),
    ]),
  );

/** Settings that switch every kind of state on. */
const full: Partial<Record<OptimizerType, UncheckedSettings>> = {
  adamw: { amsgrad: true },
  sgd: { lr: 0.1, momentum: 0.9, nesterov: true },
  rmsprop: { momentum: 0.9, centered: true },
  adafactor_hf: { beta1: 0.9 },
};

describe.each(optimizerTypes)('%s', (type) => {
  const make = (params: Record<string, Tensor>) => createOptimizer(type, params, full[type]);

  it('goes on in every bit after its state was saved as bytes and loaded', async () => {
    const straight = model();
    const first = make(straight);
    for (let step = 0; step < 6; step++) first.step(gradsAt(straight, step), { lrFactor: 1 - step / 10 });

    const halted = model();
    const before = make(halted);
    for (let step = 0; step < 3; step++) before.step(gradsAt(halted, step), { lrFactor: 1 - step / 10 });
    const { steps, tensors } = before.state();
    const copy = async (x: Tensor) => fromBytes(await x.bytes(), x.shape, 'float32');
    const saved: Record<string, Tensor> = {};
    for (const [name, x] of Object.entries(tensors)) saved[name] = await copy(x);
    const resumed: Record<string, Tensor> = {};
    for (const [name, x] of Object.entries(halted)) resumed[name] = await copy(x);
    before.dispose();
    const after = make(resumed);
    after.load({ steps: JSON.parse(JSON.stringify(steps)), tensors: saved });
    for (let step = 3; step < 6; step++) after.step(gradsAt(resumed, step), { lrFactor: 1 - step / 10 });

    for (const name of ['a', 'b']) expect(values(resumed[name])).toEqual(values(straight[name]));
    expect(Object.keys(after.state().tensors)).toEqual(Object.keys(first.state().tensors));
    for (const [name, x] of Object.entries(after.state().tensors))
      expect(values(x)).toEqual(values(first.state().tensors[name]));
  });

  it('lowers a convex function', () => {
    const w = parameter(
      tensor([
        [3, -2],
        [1, 4],
      ]),
    );
    const optimizer = createOptimizer(type, { w }, full[type]);
    const energy = () => values(w).reduce((sum, x) => sum + x * x, 0);
    const start = energy();
    for (let step = 0; step < 50; step++)
      optimizer.step({ w: tensor(Float32Array.from(values(w)), { shape: [2, 2] }) });
    expect(energy()).toBeLessThan(start);
  });

  it('multiplies the gradient by the factor, as if it had been given so', () => {
    const [one, two] = [model(), model()];
    const [a, b] = [make(one), make(two)];
    for (let step = 0; step < 3; step++) {
      const grads = gradsAt(one, step);
      a.step(grads, { factor: tensor(0.25) });
      const scaled = Object.entries(grads).map(
        ([name, g]) =>
          [
            name,
            tensor(
              Float32Array.from(values(g), (x) => x / 4),
              { shape: g.shape },
            ),
          ] as const,
      );
      b.step(scaled);
    }
    // A power of two scales exactly.
    for (const name of ['a', 'b']) expect(values(one[name])).toEqual(values(two[name]));
  });

  it('leaves parameters without a gradient alone, and memory flat', () => {
    const params = model();
    const optimizer = make(params);
    const before = values(params.b);
    const step = (i: number) => scope(() => optimizer.step({ a: gradsAt(params, i).a as Tensor }));
    step(0);
    const bytes = memory().liveBytes;
    for (let i = 1; i < 20; i++) step(i);
    expect(memory().liveBytes).toBe(bytes);
    expect(values(params.b)).toEqual(before);
    expect(optimizer.state().steps).toEqual({ a: 20 });
    optimizer.dispose();
    expect(optimizer.state()).toEqual({ steps: {}, tensors: {} });
  });
});

describe('Optimizer', () => {
  it('gives groups their own settings and the schedule to all', () => {
    const [a, b] = [parameter(tensor([1])), parameter(tensor([1]))];
    const optimizer = new SGD([{ params: { a } }, { params: new Map([['b', b]]), lr: 0.5, weightDecay: 1 }], {
      lr: 0.25,
    });
    optimizer.step(
      [
        ['a', tensor([1])],
        ['b', tensor([0])],
      ],
      { lrFactor: 0.5 },
    );
    expect([...values(a), ...values(b)]).toEqual([1 - 0.125, 1 - 0.25]);
  });

  it.each<[string, () => unknown, string]>([
    ['a NaN learning rate', () => new AdamW(model(), { lr: Number.NaN }), 'invalid_setting'],
    ['a negative learning rate', () => new AdamW(model(), { lr: -1 }), 'invalid_setting'],
    [
      'an infinite learning rate in a group',
      () => new AdamW([{ params: model(), lr: Number.POSITIVE_INFINITY }]),
      'invalid_setting',
    ],
    ['a beta of 1', () => new AdamW(model(), { betas: [0.9, 1] }), 'invalid_setting'],
    ['nesterov without momentum', () => new SGD(model(), { nesterov: true }), 'invalid_setting'],
    ['an unknown setting', () => createOptimizer('sgd', model(), { learningRate: 1 }), 'invalid_setting'],
    ['a setting of another kind', () => createOptimizer('sgd', model(), { nesterov: 'no' }), 'invalid_setting'],
    ['lr of null', () => createOptimizer('sgd', model(), { lr: null }), 'invalid_setting'],
    ['a group lr of null', () => new SGD([{ params: model(), lr: null as never }]), 'invalid_setting'],
    ['betas of null', () => createOptimizer('adamw', model(), { betas: null }), 'invalid_setting'],
    ['an unknown option of a step', () => new SGD(model()).step({}, { lrfactor: 0 } as never), 'invalid_setting'],
    ['two coefficients of Muon', () => new Muon(model(), { nsCoefficients: [1, 2] as never }), 'invalid_setting'],
    ['settings of null', () => new SGD(model(), null as never), 'invalid_setting'],
    ['parameters of undefined', () => new SGD(undefined as never), 'invalid_parameters'],
    ['a group without parameters', () => new SGD([{ lr: 1 }] as never), 'invalid_parameters'],
    ['a list of tensors', () => new SGD([tensor([1])] as never), 'invalid_parameters'],
    [
      'pairs and groups in one list',
      () => new SGD([['a', tensor([1])], { params: model() }] as never),
      'invalid_parameters',
    ],
    ['no state', () => new AdamW(model()).load(undefined as never), 'invalid_state'],
    ['a state without tensors', () => new AdamW(model()).load({ steps: {} } as never), 'invalid_state'],
    [
      'lists for tensors of a state',
      () => new AdamW({ a: tensor([1]) }).load({ steps: { a: 1 }, tensors: { 'exp_avg.a': [1] } as never }),
      'invalid_state',
    ],
    ['an unknown optimizer', () => createOptimizer('adamx' as OptimizerType, model()), 'invalid_setting'],
    ['no parameters', () => new SGD({}), 'invalid_parameters'],
    ['no groups', () => new SGD([]), 'invalid_parameters'],
    ['integer parameters', () => new SGD({ a: tensor(Int32Array.of(1)) }), 'invalid_parameters'],
    ['vectors for Muon', () => createOptimizer('muon', { a: tensor([1]) }), 'invalid_parameters'],
    ['an lr beside a relative step', () => createOptimizer('adafactor_hf', model(), { lr: 0.1 }), 'invalid_setting'],
  ])('refuses %s', (_, make, code) => {
    expect(make).toThrow(expect.objectContaining({ name: 'OptimizerError', code }));
  });

  it('refuses one tensor under two names', () => {
    const w = tensor([1]);
    expect(() => new SGD({ w, tied: w })).toThrow(/tied twice, also as w/);
  });

  it('checks all gradients before it writes one', () => {
    const params = model();
    const before = values(params.a);
    const optimizer = new AdamW(params);
    const a = gradsAt(params, 0).a as Tensor;
    const refused = (want: object, grads: Record<string, Tensor>, options = {}) =>
      expect(() => optimizer.step(grads, options)).toThrow(want);
    refused(expect.objectContaining({ code: 'invalid_gradient' }), { a, c: a });
    refused(/gradient of b to be \(2, 2\) float32, got \(3, 4\) float32/, { a, b: a });
    refused(expect.objectContaining({ code: 'invalid_setting' }), { a }, { lrFactor: Number.NaN });
    refused(/gradient of b to be \(2, 2\) float32, got null/, { a, b: null as unknown as Tensor });
    expect(() =>
      optimizer.step([
        ['a', a],
        ['a', a],
      ]),
    ).toThrow(/each gradient once/);
    refused(/factor to be \(\) float32, got \(1\)/, { a }, { factor: tensor([1]) });
    expect(values(params.a)).toEqual(before);
    expect(optimizer.state().steps).toEqual({});
  });

  it('refuses a state that does not fit and keeps its own', () => {
    const params = model();
    const optimizer = new AdamW(params);
    optimizer.step(gradsAt(params, 0));
    const { steps, tensors } = optimizer.state();
    const kept = values(tensors['exp_avg.a']);
    const { 'exp_avg.a': missing, ...fewer } = tensors;
    const bad: [object, Record<string, Tensor>][] = [
      [steps, fewer],
      [steps, { ...tensors, 'exp_avg.a': tensor([1]) }],
      [steps, { ...tensors, 'exp_avg.z': tensor([1]) }],
      [{ ...steps, z: 1 }, tensors],
      [{ ...steps, a: 1.5 }, tensors],
      [{ b: 1 }, tensors],
    ];
    for (const [wrongSteps, wrongTensors] of bad) {
      expect(() => optimizer.load({ steps: wrongSteps as Record<string, number>, tensors: wrongTensors })).toThrow(
        expect.objectContaining({ code: 'invalid_state' }),
      );
    }
    expect(missing?.disposed).toBe(false);
    expect(values(optimizer.state().tensors['exp_avg.a'])).toEqual(kept);
  });

  it('loads its own state back', () => {
    const params = model();
    const optimizer = new AdamW(params);
    optimizer.step(gradsAt(params, 0));
    const before = values(optimizer.state().tensors['exp_avg.a']);
    optimizer.load(optimizer.state());
    expect(values(optimizer.state().tensors['exp_avg.a'])).toEqual(before);
  });

  it('runs a rule from outside', () => {
    const rule: OptimizerRule<{ lr: number }> = {
      name: 'Replace',
      check: () => {},
      state: ({ shape }) => ({ count: { shape, value: 3 } }),
      update: ({ state, lr, step }) => expect([values(state('count')), lr, step]).toEqual([[3], 0.5, 1]),
    };
    new Optimizer(rule, { w: tensor([1]) }, { lr: 0.5 }).step({ w: tensor([1]) });
    expect.assertions(1);
  });
});

describe('AdamW', () => {
  it('moves by lr against the sign of the first gradient, after its decay', () => {
    const w = parameter(tensor([1, -1, 2]));
    new AdamW({ w }, { lr: 0.1, weightDecay: 0.5, eps: 0 }).step({ w: tensor([5, -0.001, 1e-4]) });
    const want = [0.95 - 0.1, -0.95 + 0.1, 1.9 - 0.1];
    for (const [i, x] of values(w).entries()) expect(x).toBeCloseTo(want[i] ?? 0, 5);
  });
});
