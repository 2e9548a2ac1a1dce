import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type Plan,
  type Tensor,
  add,
  attention,
  availableBackends,
  cast,
  copyInPlace,
  grad,
  indexSelect,
  keep,
  linear,
  memory,
  mul,
  noGrad,
  normal,
  profile,
  recordPlan,
  relu,
  reshape,
  scope,
  selfLayout,
  sum,
  tensor,
  withBackend,
  writeRowsInPlace,
  zeros,
} from './index';

const bits = (x: Tensor): Uint8Array => x.bytesSync();
const rows = (n: number, seed: number): Tensor => normal([n, 24], { seed });

describe.skipIf(!availableBackends().includes('native'))('plans of the native backend', () => {
  it('refuse tensors that a gradient flows to', () => {
    const plan = recordPlan({ tensors: [rows(1, 1)] }, ([x]) => relu(x)).plan as Plan;
    const x = rows(1, 7);
    const run = () => sum(plan.run({ tensors: [x] }));
    expect(() => grad(run, [x])).toThrow(expect.objectContaining({ code: 'autograd' }));
    const [g] = grad(() => add(sum(x), noGrad(run)), [x]);
    expect([...(g as Tensor).dataSync()]).toEqual(new Array(24).fill(1));
    plan.dispose();
  });

  it('give what the function gives, for other values of any batch', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 40 }), (n, width) => {
        const weight = normal([width, 24], { seed: 1 });
        const fn = ([x]: readonly [Tensor]): Tensor => relu(add(linear(x, weight), 0.25));
        const { plan, result } = recordPlan({ tensors: [rows(n, 2)] }, fn);
        expect(bits(result)).toEqual(bits(fn([rows(n, 2)])));
        for (const seed of [3, 4]) {
          expect(bits(plan?.run({ tensors: [rows(n, seed)] }) as Tensor)).toEqual(bits(fn([rows(n, seed)])));
        }
        plan?.dispose();
      }),
      { numRuns: 20 },
    );
  });

  it('keep results apart, see weights that change in place, and take several tensors', () => {
    const weight = normal([8, 24], { seed: 1 });
    const fn = ([x, y]: readonly [Tensor, Tensor]): Tensor => mul(linear(x, weight), linear(y, weight));
    const { plan } = recordPlan({ tensors: [rows(1, 2), rows(1, 3)] }, fn);
    const first = plan?.run({ tensors: [rows(1, 4), rows(1, 5)] }) as Tensor;
    const before = bits(first);
    copyInPlace(weight, normal([8, 24], { seed: 9 }));
    const second = plan?.run({ tensors: [rows(1, 4), rows(1, 5)] }) as Tensor;
    expect(bits(second)).toEqual(bits(fn([rows(1, 4), rows(1, 5)])));
    expect(bits(second)).not.toEqual(before);
    expect(bits(first)).toEqual(before);
    plan?.dispose();
  });

  it('see weights that are inputs, or made on the way, as they are in each run', () => {
    // From the second use on the kernels keep a packed form.
    const square = (seed: number): Tensor => normal([24, 24], { seed, std: 0.2 });
    const scaled = (x: Tensor, w: Tensor): Tensor => scope(() => linear(x, mul(w, 2)));
    const step = ([x, w]: readonly Tensor[]): Tensor => {
      let h = linear(x as Tensor, w as Tensor);
      for (const seed of [1, 2, 3, 4]) h = scaled(h, weights[seed - 1] as Tensor);
      return h;
    };
    const weights = [1, 2, 3, 4].map(square);
    const { result, plan, reason } = recordPlan({ tensors: [rows(1, 5), square(6)] }, step);
    expect(reason).toBeNull();
    expect(bits(result)).toEqual(bits(step([rows(1, 5), square(6)])));
    for (const seed of [7, 8, 9, 10]) {
      const tensors = [rows(1, seed), square(seed)];
      expect(bits(plan?.run({ tensors }) as Tensor)).toEqual(bits(step(tensors)));
    }
    plan?.dispose();
  });

  it('change no result while they are recorded: float16 weights, which are widened for each product', () => {
    const weights = [1, 2, 3, 4, 5].map((seed) => cast(normal([24, 24], { seed, std: 0.2 }), 'float16'));
    const step = ([x]: readonly Tensor[]): Tensor => weights.reduce((h, w) => linear(h, w), x as Tensor);
    const { result, plan } = recordPlan({ tensors: [rows(1, 6)] }, step);
    expect(bits(result)).toEqual(bits(step([rows(1, 6)])));
    plan?.dispose();
  });

  it('read host arrays anew: rows that a store takes, and a layout', () => {
    const store = keep(zeros([64, 1, 24]));
    const arraysOf = (n: number) => {
      const self = selfLayout(new Int32Array([0, 1]));
      return {
        layout: { ...self, queryStarts: Int32Array.of(n - 1), keyLengths: Int32Array.of(n) },
        at: Int32Array.of(n - 1),
      };
    };
    const step = (x: Tensor, { layout, at }: ReturnType<typeof arraysOf>): Tensor => {
      const head = reshape(x, [1, 1, 24]);
      writeRowsInPlace(store, at, head);
      return attention(head, store, store, { layout });
    };
    const listed = ({ layout: l, at }: ReturnType<typeof arraysOf>) => [
      ...[l.queryOffsets, l.queryStarts, l.keyLengths, l.pageOffsets, l.pageRows],
      at,
    ];
    const first = arraysOf(1);
    const { plan } = recordPlan({ tensors: [rows(1, 1)], arrays: listed(first) }, ([x]) => step(x, first));
    const planned = [2, 3, 4].map((n) =>
      bits(plan?.run({ tensors: [rows(1, n)], arrays: listed(arraysOf(n)) }) as Tensor),
    );
    const stored = bits(store);
    copyInPlace(store, zeros([64, 1, 24]));
    const plain = [1, 2, 3, 4].map((n) => bits(step(rows(1, n), arraysOf(n))));
    expect(planned).toEqual(plain.slice(1));
    expect(stored).toEqual(bits(store));
    plan?.dispose();
    store.dispose();
  });

  it.each<[string, () => ReturnType<typeof recordPlan>]>([
    ['values come from the host', () => recordPlan({ tensors: [rows(1, 1)] }, ([x]) => add(x, tensor([1])))],
    [
      'values go to the host',
      () => recordPlan({ tensors: [rows(1, 1)] }, ([x]) => add(x, Number(sum(x).dataSync()[0]) > 0 ? 1 : 2)),
    ],
    [
      'a kernel reads a host array that is no input',
      () =>
        recordPlan({ tensors: [rows(1, 1)] }, ([x]) => {
          const store = zeros([2, 24]);
          writeRowsInPlace(store, Int32Array.of(1), x);
          return store;
        }),
    ],
    ['another plan is being recorded', () => nested()],
    [
      'another plan runs',
      () => {
        const { plan } = recordPlan({ tensors: [rows(1, 1)] }, ([x]) => relu(x));
        const made = recordPlan({ tensors: [rows(1, 2)] }, ([x]) => add((plan as Plan).run({ tensors: [x] }), 1));
        expect(bits(made.result)).toEqual(bits(add(relu(rows(1, 2)), 1)));
        plan?.dispose();
        return made;
      },
    ],
    [
      'a kernel fails',
      () => {
        const ids = tensor(Int32Array.of(1));
        return recordPlan({ tensors: [rows(1, 1)] }, ([x]) => {
          expect(() => indexSelect(x, ids, { dim: 0 })).toThrow(
            expect.objectContaining({ code: 'index_out_of_range' }),
          );
          return relu(x);
        });
      },
    ],
    [
      'a tensor from outside is freed',
      () => {
        const outer = keep(rows(1, 3));
        const x = rows(1, 1);
        const made = recordPlan({ tensors: [x] }, ([y]) => {
          const sum = add(y, outer);
          outer.dispose();
          return relu(sum);
        });
        expect(bits(made.result)).toEqual(bits(relu(add(x, rows(1, 3)))));
        return made;
      },
    ],
    [
      'gradients or kernels are recorded',
      () => profile(() => recordPlan({ tensors: [rows(1, 1)] }, ([x]) => relu(x))).result,
    ],
    [
      'gradients or kernels are recorded',
      () => {
        let made: ReturnType<typeof recordPlan> | undefined;
        const x = rows(1, 1);
        const [g] = grad(() => {
          made = recordPlan({ tensors: [x] }, ([y]) => sum(mul(y, y)));
          return made.result;
        }, [x]);
        expect(bits(g as Tensor)).toEqual(bits(mul(x, 2)));
        return made as ReturnType<typeof recordPlan>;
      },
    ],
  ])('say why there is none: %s', (reason, record) => {
    const { plan, reason: got } = record();
    expect(plan).toBeNull();
    expect(got).toBe(reason);
  });

  it('give memory back, theirs and what they keep alive', () => {
    const live = (): number => memory().liveBytes;
    const weight = keep(normal([512, 24], { seed: 1 }));
    const before = live();
    const x = keep(rows(1, 1));
    const { plan, result } = recordPlan({ tensors: [x] }, ([y]) =>
      relu(linear(relu(linear(y, weight)), reshape(weight, [24, 512]))),
    );
    result.dispose();
    expect(plan?.usable).toBe(true);
    weight.dispose();
    // The plan would read memory that is no weight any more; it stays readable until the plan goes.
    expect(plan?.usable).toBe(false);
    expect(() => plan?.run({ tensors: [x] })).toThrow(expect.objectContaining({ code: 'disposed' }));
    plan?.dispose();
    plan?.dispose();
    x.dispose();
    expect(live()).toBe(before - 512 * 24 * 4);
    const failing = keep(rows(1, 2));
    const again = live();
    expect(() =>
      recordPlan({ tensors: [failing] }, ([y]) => {
        relu(y);
        throw new Error('no');
      }),
    ).toThrow('no');
    expect(live()).toBe(again);
    const outer = keep(rows(1, 3));
    recordPlan({ tensors: [failing] }, ([y]) => {
      const sum = add(y, outer);
      outer.dispose();
      return sum;
    }).result.dispose();
    expect(live()).toBe(again);
    failing.dispose();
  });

  it('leave a tensor from elsewhere alone that the function gave back', () => {
    const outer = rows(1, 3);
    const { plan } = recordPlan({ tensors: [rows(1, 1)] }, () => outer);
    expect(bits(plan?.run({ tensors: [rows(1, 2)] }) as Tensor)).toEqual(bits(outer));
    plan?.dispose();
    expect(outer.disposed).toBe(false);
  });

  it('refuse inputs unlike the recorded ones', () => {
    const { plan } = recordPlan({ tensors: [rows(2, 1)] }, ([x]) => relu(x));
    for (const values of [
      { tensors: [rows(3, 1)] },
      { tensors: [] },
      { tensors: [rows(2, 1)], arrays: [new Int32Array(1)] },
    ]) {
      expect(() => plan?.run(values)).toThrow(expect.objectContaining({ code: 'shape' }));
    }
    expect(() => recordPlan({ tensors: [] }, () => rows(1, 1))).toThrow(expect.objectContaining({ code: 'value' }));
    plan?.dispose();
  });
});

function nested(): ReturnType<typeof recordPlan> {
  let inner: ReturnType<typeof recordPlan> | undefined;
  const { plan } = recordPlan({ tensors: [rows(1, 1)] }, ([x]) => {
    inner = recordPlan({ tensors: [x] }, ([y]) => relu(y));
    return add(inner.result, 1);
  });
  expect(bits(plan?.run({ tensors: [rows(1, 7)] }) as Tensor)).toEqual(bits(add(relu(rows(1, 7)), 1)));
  plan?.dispose();
  return inner as ReturnType<typeof recordPlan>;
}

describe('a backend without plans', () => {
  it('runs the function', () => {
    withBackend('reference', () => {
      const { plan, reason, result } = recordPlan({ tensors: [rows(1, 1)] }, ([x]) => relu(x));
      expect([plan, reason]).toEqual([null, 'the reference backend has no plans']);
      expect(bits(result)).toEqual(bits(relu(rows(1, 1))));
    });
  });
});
