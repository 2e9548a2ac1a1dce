import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as t from '../index';
import { checkGradients } from '../testing';

const normal = (shape: number[], seed: number) => t.normal(shape, { seed });
const bits = (x: t.Tensor) => [...new Uint32Array((x.dataSync() as Float32Array).slice().buffer)];

describe.each(t.availableBackends())('what follows a product on %s', (backend) => {
  const before = t.defaultBackend();
  beforeAll(() => t.setBackend(backend));
  afterAll(() => t.setBackend(before));

  const x = () => normal([2, 3, 64], 1);
  const [weight, bias] = [() => normal([5, 64], 2), () => normal([5], 3)];
  const other = () => normal([2, 3, 5], 4);

  it('has the bits of the op behind it, whatever the weight', async () => {
    const quantized = await t.quantize(weight(), 'Q8_0');
    const products: ((options: t.ProductEpilogue) => t.Tensor)[] = [
      (then) => t.linear(x(), weight(), { bias: bias(), ...then }),
      (then) => t.linear(x(), weight(), { compute: 'bfloat16', ...then }),
      (then) => t.linear(x(), t.transpose(weight()), { across: true, bias: bias(), ...then }),
      ...(['float32', 'bfloat16', 'int8'] as const).map(
        (activations) => (then: t.ProductEpilogue) =>
          t.quantizedLinear(x(), quantized, { bias: bias(), activations, ...then }),
      ),
    ];
    for (const product of products) {
      const y = product({});
      expect(bits(product({ residual: other() }))).toEqual(bits(t.add(other(), y)));
      expect(bits(product({ gate: other() }))).toEqual(bits(t.gated(other(), y)));
      expect(bits(product({ gate: other(), activation: 'geluTanh' }))).toEqual(
        bits(t.gated(other(), y, { activation: 'geluTanh' })),
      );
      expect(bits(product({ activation: 'geluErf' }))).toEqual(bits(t.geluErf(y)));
      expect(bits(product({ activation: 'identity' }))).toEqual(bits(y));
      for (const then of [{ residual: other() }, { gate: other() }, { activation: 'relu' }] as const) {
        expect(bits(t.applyEpilogue(y, then))).toEqual(bits(product(then)));
      }
    }
  });

  it('passes gradients to the product and to what it is combined with', async () => {
    const inputs = [normal([3, 6], 1), normal([4, 6], 2), normal([4], 3), normal([3, 4], 4)];
    checkGradients(([a, w, b, r]) => t.linear(a!, w!, { bias: b!, residual: r! }), inputs);
    checkGradients(([a, w, b, r]) => t.linear(a!, w!, { bias: b!, gate: r!, activation: 'geluTanh' }), inputs);
    checkGradients(([a, w, b]) => t.linear(a!, w!, { bias: b!, activation: 'silu' }), inputs.slice(0, 3));
    const quantized = await t.quantize(normal([4, 32], 5), 'Q8_0');
    const some = [normal([3, 32], 6), normal([4], 7), normal([3, 4], 8)];
    for (const then of [(r: t.Tensor) => ({ residual: r }), (r: t.Tensor) => ({ gate: r })]) {
      checkGradients(
        ([a, b, r]) => t.quantizedLinear(a!, quantized, { bias: b!, activations: 'float32', ...then(r!) }),
        some,
      );
    }
  });

  it('refuses what does not fit', () => {
    const make = (then: t.ProductEpilogue) => () => t.linear(x(), weight(), then);
    expect(make({ residual: normal([2, 3, 4], 1) })).toThrow('residual of shape (2, 3, 5), got (2, 3, 4)');
    expect(make({ gate: normal([6, 5], 1) })).toThrow('gate of shape (2, 3, 5), got (6, 5)');
    expect(make({ residual: t.cast(other(), 'bfloat16') })).toThrow('float32');
    expect(make({ activation: 'tan' as t.GateFn })).toThrow(/activation.*tan/);
    expect(make({ residual: other(), activation: 'silu' })).toThrow('without gate and activation');
    expect(make({ residual: other(), gate: other() })).toThrow('without gate and activation');
  });
});
