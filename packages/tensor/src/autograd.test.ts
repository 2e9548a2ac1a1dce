import { describe, expect, it } from 'vitest';
import {
  type Tensor,
  TensorError,
  add,
  addInPlace,
  anomaly,
  checkpoint,
  customOp,
  detach,
  embedding,
  exp,
  grad,
  keep,
  linear,
  memory,
  mul,
  noGrad,
  ones,
  profile,
  reshape,
  scope,
  sin,
  square,
  sum,
  tensor,
  valueAndGrad,
  vjp,
  withBackend,
} from './index';

const code = (fn: () => unknown): string | undefined => {
  try {
    fn();
  } catch (error) {
    return error instanceof TensorError ? error.code : String(error);
  }
  return undefined;
};

describe('valueAndGrad', () => {
  it('gives the value and one gradient for each tensor, zeros where there is no dependence', async () => {
    const a = tensor([1, 2]);
    const b = tensor([3, 4]);
    const { value, grads } = valueAndGrad(() => sum(mul(a, a)), [a, b]);
    expect(await value.item()).toBe(5);
    expect([...(await grads[0]!.data())]).toEqual([2, 4]);
    expect([...(await grads[1]!.data())]).toEqual([0, 0]);
  });

  it('adds the gradients of several uses', () => {
    const x = tensor([2]);
    const [g] = grad(() => sum(add(mul(x, x), add(x, x))), [x]);
    expect(g!.dataSync()[0]).toBe(6);
  });

  it('gives each gradient memory of its own, so that they can be added to in place', () => {
    const [x, y] = [tensor([1, 2]), tensor([3, 4])];
    const grads = grad(() => sum(add(x, y)), [x, y, x]);
    addInPlace(grads[0]!, ones([2]));
    expect(grads.map((g) => [...g.dataSync()])).toEqual([
      [2, 2],
      [1, 1],
      [1, 1],
    ]);
  });

  it('gives two gradients for a tensor that is named twice', () => {
    const x = tensor([1, 2]);
    const [first, second] = grad(() => sum(mul(x, x)), [x, x]) as [Tensor, Tensor];
    addInPlace(first, ones([2]));
    expect([[...first.dataSync()], [...second.dataSync()]]).toEqual([
      [3, 5],
      [2, 4],
    ]);
    first.dispose();
    expect(second.disposed).toBe(false);
  });

  it('adds rows to the gradient of a table that has other uses, before and behind, and to nothing else', () => {
    const ids = new Int32Array([1, 1, 0]);
    const table = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const rows = [1, 1, 2, 2, 0, 0];
    const factor = tensor([
      [1, 2],
      [3, 4],
      [5, 6],
    ]);
    const looked = () => sum(embedding(table, ids));
    const plain = () => sum(mul(table, factor));
    for (const run of [() => add(looked(), plain()), () => add(plain(), looked())]) {
      const [g] = grad(run, [table]);
      expect(g?.dataSync()).toEqual(Float32Array.from(rows, (n, i) => n + i + 1));
    }
    // The incoming gradient of a use that passes it on belongs to the caller.
    const upstream = [ones([3, 2]), ones([3, 2])];
    const { grads } = vjp(() => [embedding(table, ids), reshape(table, [3, 2])], [table], upstream);
    expect(grads[0]?.dataSync()).toEqual(Float32Array.from(rows, (n) => n + 1));
    for (const g of upstream) expect(g.dataSync()).toEqual(new Float32Array(6).fill(1));
  });

  it('keeps aux results and frees the rest', () => {
    const x = tensor([1, 2, 3]);
    const before = memory().tensors;
    const { value, aux, grads } = valueAndGrad(() => {
      const y = exp(sin(x));
      return [sum(y), { y }] as const;
    }, [x]);
    expect(aux.y.disposed).toBe(false);
    expect(memory().tensors).toBe(before + 3);
    for (const t of [value, aux.y, ...grads]) t.dispose();
    expect(memory().tensors).toBe(before);
  });

  it('lets the function free its temporaries with scope()', () => {
    const x = tensor([0.5]);
    const [g] = grad(() => scope(() => sum(square(sin(x)))), [x]);
    expect(g!.dataSync()[0]).toBeCloseTo(Math.sin(1), 5);
  });

  it('stops at detach and noGrad', () => {
    const x = tensor([3]);
    expect(grad(() => sum(mul(x, detach(x))), [x])[0]!.dataSync()[0]).toBe(3);
    expect(
      grad(
        () =>
          sum(
            mul(
              x,
              noGrad(() => mul(x, 2)),
            ),
          ),
        [x],
      )[0]!.dataSync()[0],
    ).toBe(6);
  });

  it('refuses second derivatives, tensors that are no scalars, and promises', () => {
    const x = tensor([1, 2]);
    expect(code(() => grad(() => sum(grad(() => sum(mul(x, x)), [x])[0]!), [x]))).toBe('autograd');
    expect(code(() => grad(() => mul(x, x), [x]))).toBe('autograd');
    const promised = (async () => sum(x)) as unknown as () => ReturnType<typeof sum>;
    expect(code(() => grad(promised, [x]))).toBe('async');
  });

  it('refuses a backward pass through a tensor that was written in place', () => {
    const x = tensor([1, 2]);
    expect(
      code(() =>
        grad(() => {
          const y = mul(x, x);
          const z = mul(y, y);
          addInPlace(y, ones([2]));
          return sum(z);
        }, [x]),
      ),
    ).toBe('stale');
  });

  it('lets go of what was saved when the backward pass throws', () => {
    const x = keep(tensor([1, 2]));
    const wrong = customOp<null>({
      name: 'wrong',
      forward: ([h], _attrs, save) => {
        const y = exp(h as Tensor);
        save(y);
        return exp(y);
      },
      backward: () => [ones([3])],
    });
    const stale = (): Tensor => {
      const y = mul(x, 2);
      const squared = mul(y, y);
      addInPlace(y, ones([2]));
      return sum(squared);
    };
    const before = memory();
    for (const fn of [() => sum(exp(wrong([exp(x)], null))), stale]) {
      expect(code(() => scope(() => grad(fn, [x])))).toMatch(/autograd|stale/);
      expect(memory().tensors).toBe(before.tensors);
      expect(memory().liveBytes).toBe(before.liveBytes);
    }
    const upstream = ones([3]);
    for (const call of [
      () => valueAndGrad(() => exp(x), [x]),
      () => valueAndGrad(() => [exp(x), 1] as const, [x]),
      () => vjp(() => [exp(x)], [x], [upstream]),
      () => vjp(() => [exp(x)], [x], []),
      () => valueAndGrad(() => sum(wrong([x], null)), [x]),
    ]) {
      expect(code(call)).toBe('autograd');
      expect(memory().tensors).toBe(before.tensors + 1);
    }
  });

  it('goes on working after a function threw', () => {
    const x = tensor([1]);
    expect(() =>
      grad(() => {
        throw new Error('mine');
      }, [x]),
    ).toThrow('mine');
    expect(grad(() => sum(mul(x, x)), [x])[0]!.dataSync()[0]).toBe(2);
  });
});

describe('vjp', () => {
  it('applies the upstream gradients of several outputs together', () => {
    const x = tensor([1, 2]);
    const { grads } = vjp(() => [mul(x, 2), reshape(x, [2, 1])], [x], [tensor([1, 1]), ones([2, 1])]);
    expect([...grads[0]!.dataSync()]).toEqual([3, 3]);
  });
});

describe('checkpoint', () => {
  it('gives the same value and gradients as the plain function', () => {
    const x = tensor([0.3, -0.2]);
    const w = tensor([2, 3]);
    const f = (h: Tensor, v: Tensor) => sum(exp(mul(sin(h), v)));
    const plain = valueAndGrad(() => f(x, w), [x, w]);
    const again = valueAndGrad(() => checkpoint(([h, v]) => f(h!, v!), [x, w]), [x, w]);
    expect(again.value.dataSync()).toEqual(plain.value.dataSync());
    plain.grads.forEach((g, i) => expect(again.grads[i]!.dataSync()).toEqual(g.dataSync()));
  });

  it('holds fewer bytes until the backward pass', () => {
    const x = ones([1000]);
    const chain = (h: Tensor) => sum(exp(sin(exp(sin(h)))));
    const held = (fn: () => ReturnType<typeof sum>) => {
      let bytes = 0;
      vjp(
        () => [fn()],
        [x],
        (out) => {
          bytes = memory().liveBytes;
          return [ones(out[0]!.shape)];
        },
      );
      return bytes;
    };
    expect(held(() => checkpoint(([h]) => chain(h!), [x]))).toBeLessThan(held(() => chain(x)) - 8000);
  });
});

describe('customOp and checkpoint', () => {
  const back = customOp<null>({
    name: 'back',
    forward: (xs) => xs[xs.length - 1] as Tensor,
    backward: (gy, _saved) => [mul(gy, -3), null],
  });

  it('take the gradient of an output that is one of the inputs', () => {
    const negated = customOp<null>({ name: 'negated', forward: ([x]) => x as Tensor, backward: (gy) => [mul(gy, -3)] });
    const x = tensor([2]);
    expect(grad(() => sum(negated([x], null)), [x])[0]?.dataSync()[0]).toBe(-3);
    expect(grad(() => sum(checkpoint(([h]) => h as Tensor, [x])), [x])[0]?.dataSync()[0]).toBe(1);
    // The input goes on: through the op -3, and 2 x beside it.
    expect(grad(() => sum(add(negated([x], null), mul(x, x))), [x])[0]?.dataSync()[0]).toBe(1);
    expect(x.disposed).toBe(false);
  });

  it('leave other gradients alone where the output is a tensor from elsewhere', () => {
    const [x, constant, w] = [tensor([2]), tensor([5]), tensor([7])];
    // The constant's other use gives it no gradient that could go on to x.
    expect(grad(() => sum(add(back([x, constant], null), mul(constant, mul(x, x)))), [x])[0]?.dataSync()[0]).toBe(
      -3 + 20,
    );
    const loss = (): Tensor =>
      sum(
        add(
          checkpoint(() => w, [x]),
          mul(w, x),
        ),
      );
    expect(grad(loss, [x, w]).map((g) => g.dataSync()[0])).toEqual([7, 2]);
  });
});

describe('customOp', () => {
  it('may multiply by its gradient, to which others are added afterwards', () => {
    const sums: number[][] = [];
    // The identity; its backward pass looks at the column sums of the gradient, by products that keep packed forms of it.
    const watched = customOp<null>({
      name: 'watched',
      forward: ([x]) => reshape(x as Tensor, (x as Tensor).shape),
      backward: (gy) => {
        const row = ones([1, 48]);
        for (let i = 0; i < 2; i++) linear(row, gy, { across: true });
        sums.push([...linear(row, gy, { across: true }).dataSync()]);
        return [gy];
      },
    });
    const x = ones([48, 48]);
    grad(() => {
      const y = watched([x], null);
      const direct = sum(mul(y, 2));
      return add(direct, sum(mul(watched([y], null), 3)));
    }, [x]);
    expect(sums).toEqual([new Array(48).fill(48 * 3), new Array(48).fill(48 * 5)]);
  });

  const cube = customOp<null>({
    name: 'cube',
    forward: ([x], _attrs, save) => {
      save(x!);
      return mul(x!, square(x!));
    },
    backward: (gy, [x]) => [mul(gy, mul(square(x!), 3))],
  });

  it('is differentiated by its own rule', () => {
    const x = tensor([2]);
    expect(grad(() => sum(cube([x], null)), [x])[0]!.dataSync()[0]).toBe(12);
  });

  it('refuses gradients of another shape or number', () => {
    const bad = customOp<null>({ name: 'bad', forward: ([x]) => mul(x!, 1), backward: () => [] });
    const x = tensor([1, 2]);
    expect(code(() => grad(() => sum(bad([x], null)), [x]))).toBe('autograd');
  });
});

describe('scope', () => {
  it('frees what was made and not returned, also when it throws', () => {
    const before = memory().tensors;
    const y = scope(() => mul(tensor([1, 2]), 3));
    expect(memory().tensors).toBe(before + 1);
    expect(() =>
      scope(() => {
        tensor([1]);
        throw new Error('x');
      }),
    ).toThrow();
    expect(memory().tensors).toBe(before + 1);
    y.dispose();
  });

  it('returns tensors inside arrays, objects and maps, and leaves kept ones alone', () => {
    const { r, kept } = scope(() => {
      const kept = keep(tensor([9]));
      return { r: { list: [tensor([1])], map: new Map([['a', tensor([2])]]) }, kept: [kept] };
    });
    expect(r.list[0]!.disposed).toBe(false);
    expect(r.map.get('a')!.disposed).toBe(false);
    expect(kept[0]!.disposed).toBe(false);
    kept[0]!.dispose();
  });

  it('refuses promises, so that interleaved async users lose nothing', async () => {
    expect(code(() => scope((async () => 1) as unknown as () => number))).toBe('async');
    for (const call of [noGrad, profile, anomaly, (fn: () => number) => withBackend('reference', fn)]) {
      expect(code(() => call((async () => 1) as unknown as () => number))).toBe('async');
      // What becomes of the promise is nobody's business any more.
      expect(code(() => call((() => Promise.reject(new Error('late'))) as unknown as () => number))).toBe('async');
    }
    const user = async (v: number) => {
      const x = scope(() => tensor([v]));
      await Promise.resolve();
      const y = scope(() => mul(x, 2));
      await Promise.resolve();
      return y.item();
    };
    expect(await Promise.all([user(1), user(2), user(3)])).toEqual([2, 4, 6]);
  });

  it('makes a disposed tensor throw', () => {
    let lost: Tensor = tensor([1]);
    scope(() => {
      lost = mul(tensor([1]), 2);
    });
    expect(code(() => mul(lost, 2))).toBe('disposed');
  });

  it('keeps a storage while a view of it lives', () => {
    const v = scope(() => reshape(tensor([1, 2, 3, 4]), [2, 2]));
    expect([...v.dataSync()]).toEqual([1, 2, 3, 4]);
  });
});
