import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type Activations,
  attach,
  availableBackends,
  composedKernels,
  crossEntropy,
  defaultBackend,
  grad,
  linear,
  linearCrossEntropy,
  memory,
  mul,
  normal,
  quantize,
  quantizedLinear,
  quantizedLinearCrossEntropy,
  quantizedRows,
  quantizedWeight,
  scope,
  setBackend,
  setThreads,
  share,
  sum,
  type Tensor,
  tensor,
  TensorError,
  valueAndGrad,
  withBackend,
} from '../index';
import { roundedToInt8 } from '../backend/reference/quantized';
import { createReferenceBackend } from '../backend/reference/index';
import { checkGradients } from '../testing';
import { blockOf, formats, noise, randomBytes, randomWeight } from './quantized.test-support';

const activations: readonly Activations[] = ['float32', 'bfloat16', 'int8'];

/** The reference backend's memory and primitives with every fused and quantised kernel composed. */
function composedBackend() {
  const base = createReferenceBackend();
  const kernels = { ...base.kernels, ...composedKernels(base.kernels, base) };
  return { ...base, name: 'composed', kernels };
}

const backends = [...availableBackends(), composedBackend()];
const nameOf = (backend: (typeof backends)[number]) => (typeof backend === 'string' ? backend : backend.name);

const bits = (x: Tensor): Buffer => Buffer.from(x.bytesSync());

/** Largest difference, over the largest value that was wanted. */
function distance(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let [off, size] = [0, 1e-30];
  for (let i = 0; i < want.length; i++) {
    off = Math.max(off, Math.abs((got[i] as number) - (want[i] as number)));
    size = Math.max(size, Math.abs(want[i] as number));
  }
  expect(got.length).toBe(want.length);
  return off / size;
}

/** x as the activations make it, float32. */
function rounded(x: Tensor, kind: Activations): Tensor {
  if (kind !== 'int8') return x;
  const values = Float32Array.from(x.dataSync());
  return tensor(roundedToInt8(values, x.shape[x.rank - 1] as number), { shape: x.shape });
}

describe.each(backends.map((b) => [nameOf(b), b] as const))('on %s', (_, backend) => {
  const before = defaultBackend();
  beforeAll(() => setBackend(backend));
  afterAll(() => setBackend(before));

  it.each(formats)('%s: dequantised values, rows and bytes are those of the file', async (format) => {
    const shape = [19, blockOf(format) === 1 ? 77 : 2 * blockOf(format)] as const;
    const bytes = randomBytes(format, shape, 3, format === 'int8' ? 32 : undefined);
    const options = { format, shape, ...(format === 'int8' && { groupSize: 32 }) };
    using weight = quantizedWeight(bytes, options);
    using same = quantizedWeight(bytes, { ...options, backend: createReferenceBackend() });
    expect(Buffer.compare(Buffer.from(await weight.bytes()), Buffer.from(bytes))).toBe(0);
    const want = same.dequantize().dataSync();
    expect(weight.dequantize().dataSync()).toEqual(want);
    const ids = Int32Array.of(18, 0, 3, 3, 16, 15);
    const rows = quantizedRows(weight, ids).dataSync();
    ids.forEach((id, i) => {
      expect(rows.slice(i * shape[1], (i + 1) * shape[1])).toEqual(want.slice(id * shape[1], (id + 1) * shape[1]));
    });
    expect(quantizedRows(weight, new Int32Array()).shape).toEqual([0, shape[1]]);
  });

  it.each(activations)('products equal those of the dequantised weight, activations %s', (kind) => {
    const size = fc.integer({ min: 0, max: 70 });
    fc.assert(
      fc.property(
        fc.constantFrom(...formats),
        size,
        size,
        fc.integer({ min: 0, max: 700 }),
        fc.constantFrom(32, 64, 1024),
        fc.boolean(),
        fc.integer({ min: 0, max: 1000 }),
        (format, n, m, wide, groupSize, withBias, seed) =>
          scope(() => {
            const block = blockOf(format);
            const k = block === 1 ? wide : Math.ceil(wide / 256) * (block === 32 && wide % 2 === 1 ? 96 : 256);
            const x = normal([n, k], { seed });
            const bias = withBias ? normal([m], { seed: seed + 1 }) : null;
            const weight = randomWeight(format, [m, k], seed, format === 'int8' ? { groupSize } : {});
            const y = quantizedLinear(x, weight, { bias, activations: kind });
            const compute = kind === 'bfloat16' ? 'bfloat16' : 'float32';
            const want = linear(rounded(x, kind), weight.dequantize(), { bias, compute });
            expect(y.shape).toEqual([n, m]);
            if (kind === 'int8') expect(distance(y.dataSync(), want.dataSync())).toBeLessThan(2e-6);
            else expect(Buffer.compare(bits(y), bits(want))).toBe(0);
            weight.dispose();
          }),
      ),
      { numRuns: defaultBackend().name === 'native' ? 60 : 15 },
    );
  });

  it('a row has the same bits alone, in any batch and with any number of threads', () => {
    const threads = defaultBackend().threads();
    const native = defaultBackend().name === 'native';
    for (const format of formats) {
      for (const [m, k] of [
        [37, 256],
        [130, 768],
      ] as const) {
        scope(() => {
          const weight = randomWeight(format, [m, k], 5);
          const x = normal([65, k], { seed: 6 });
          const bias = normal([m], { seed: 7 });
          for (const kind of activations) {
            const run = (rows: Tensor) => bits(quantizedLinear(rows, weight, { bias, activations: kind }));
            const whole = run(x);
            const values = x.dataSync();
            for (const count of native ? [1, 2, 3, 4, 5, 6, 7, 8, 13, 16, 24, 25, 33, 64, 65] : [1, 7]) {
              for (const used of native ? [1, 2, 3] : [1]) {
                setThreads(used);
                const from = 65 - count;
                const part = tensor(Float32Array.from(values.slice(from * k)), { shape: [count, k] });
                expect(Buffer.compare(run(part), whole.subarray(from * m * 4)), `${format} ${kind} ${count}`).toBe(0);
              }
            }
          }
          setThreads(threads);
          weight.dispose();
        });
      }
    }
  });

  it('gradients flow to x and bias and equal those of the dense product', () => {
    for (const format of formats) {
      using weight = randomWeight(format, [21, 256], 8);
      const dense = weight.dequantize();
      const x = normal([2, 3, 256], { seed: 9 });
      const bias = normal([21], { seed: 10 });
      const g = normal([2, 3, 21], { seed: 11 });
      for (const kind of activations) {
        const compute = kind === 'float32' ? 'float32' : 'bfloat16';
        const got = grad(() => sum(mul(quantizedLinear(x, weight, { bias, activations: kind }), g)), [x, bias]);
        const want = grad(() => sum(mul(linear(x, dense, { bias, compute }), g)), [x, bias]);
        got.forEach((gx, i) => expect(Buffer.compare(bits(gx), bits(want[i] as Tensor))).toBe(0));
      }
    }
    using small = randomWeight('Q8_0', [3, 32], 12);
    checkGradients(
      ([x]) => quantizedLinear(x as Tensor, small, { activations: 'float32' }),
      [normal([2, 32], { seed: 1 })],
    );
  });

  it('the gradient of many outputs adds tiles of the weight', () => {
    using weight = randomWeight('Q4_0', [2500, 32], 13);
    const x = normal([2, 32], { seed: 14 });
    const [got] = grad(() => sum(quantizedLinear(x, weight, { activations: 'float32' })), [x]);
    const columns = Array.from(weight.dequantize().dataSync());
    const want = Array.from({ length: 64 }, (_, i) =>
      columns.reduce((total, w, at) => (at % 32 === i % 32 ? total + w : total), 0),
    );
    expect(distance((got as Tensor).dataSync(), want)).toBeLessThan(1e-5);
  });

  it('losses of a quantised head equal those of the dense one', () => {
    const rows = 70; // more than one chunk
    const targets = Int32Array.from({ length: rows }, (_, i) => (i % 5 === 3 ? -100 : (i * 7) % 33));
    const settings = { softcap: 5, scale: 0.5, temperature: 0.7, labelSmoothing: 0.1 };
    const hidden = normal([rows, 64], { seed: 15 });
    using weight = randomWeight('Q8_0', [33, 64], 16, { activations: 'float32' });
    const dense = weight.dequantize();
    const bias = normal([33], { seed: 17 });
    const g = normal([rows], { seed: 18 });
    const got = valueAndGrad(
      () => sum(mul(quantizedLinearCrossEntropy(hidden, weight, targets, { bias, ...settings }), g)),
      [hidden, bias],
    );
    const want = valueAndGrad(
      () => sum(mul(linearCrossEntropy(hidden, dense, targets, { bias, ...settings }), g)),
      [hidden, bias],
    );
    expect(distance(got.value.dataSync(), want.value.dataSync())).toBeLessThan(1e-5);
    got.grads.forEach((x, i) =>
      expect(distance(x.dataSync(), (want.grads[i] as Tensor).dataSync())).toBeLessThan(1e-5),
    );
    // A loss is that of its logits, bit for bit.
    const losses = quantizedLinearCrossEntropy(hidden, weight, targets);
    const direct = crossEntropy(quantizedLinear(hidden, weight), targets, { reduction: 'none' });
    expect(Buffer.compare(bits(losses), bits(direct))).toBe(0);
    expect(quantizedLinearCrossEntropy(normal([0, 64], { seed: 1 }), weight, new Int32Array()).shape).toEqual([0]);
  });

  it('values that are not finite spread to their row alone', () => {
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const values = Float32Array.from(normal([3, 64], { seed: 19 }).dataSync());
      values[64 + 40] = bad;
      using weight = randomWeight('Q8_0', [5, 64], 20);
      for (const kind of activations) {
        const y = quantizedLinear(tensor(values, { shape: [3, 64] }), weight, { activations: kind }).dataSync();
        expect([...y].map((v, i) => Number.isFinite(v) === (i < 5 || i >= 10))).not.toContain(false);
      }
    }
  });

  it('lives outside scopes until it is disposed, and leaves nothing behind', () => {
    const start = memory();
    const weight = scope(() => randomWeight('Q4_1', [64, 256], 21));
    expect(weight.disposed).toBe(false);
    expect(memory().tensors).toBe(start.tensors + 1);
    const x = normal([3, 256], { seed: 22 });
    const live = memory().liveBytes;
    for (let i = 0; i < 3; i++) {
      const grads = grad(() => sum(quantizedLinear(x, weight)), [x]);
      for (const t of [...grads, weight.dequantize(), quantizedRows(weight, Int32Array.of(1))]) t.dispose();
      expect(memory().liveBytes).toBe(live);
    }
    x.dispose();
    weight.dispose();
    weight.dispose();
    expect(memory()).toMatchObject({ tensors: start.tensors, liveBytes: start.liveBytes });
    expect(() => weight.dequantize()).toThrow(TensorError);
  });

  it('takes little more memory than the file', () => {
    for (const format of formats) {
      using weight = randomWeight(format, [64, 512], 23);
      const file = randomBytes(format, [64, 512], 23).length;
      expect(weight.byteLength).toBeLessThanOrEqual(file * 1.02);
    }
  });
});

describe('errors', () => {
  const bytes = new Uint8Array(34);
  const fails = (code: string, fn: () => unknown) =>
    expect(fn).toThrow(expect.objectContaining({ name: 'TensorError', code }));

  it('names what does not fit', async () => {
    fails('shape', () => quantizedWeight(bytes, { format: 'Q8_0', shape: [1, 33] }));
    fails('shape', () => quantizedWeight(bytes, { format: 'Q8_0', shape: [34] }));
    fails('shape', () => quantizedWeight(bytes, { format: 'Q8_0', shape: [-1, 32] }));
    fails('value', () => quantizedWeight(bytes, { format: 'Q8_0', shape: [2, 32] }));
    fails('value', () => quantizedWeight(bytes, { format: 'Q8_0', shape: [1, 32], groupSize: 64 }));
    fails('value', () => quantizedWeight(bytes, { format: 'int8', shape: [1, 30], groupSize: 10 }));
    fails('value', () => quantizedWeight(bytes, { format: 'Q5_0' as 'Q8_0', shape: [1, 32] }));
    fails('value', () => quantizedWeight(bytes, { format: 'toString' as 'Q8_0', shape: [1, 32] }));
    using weight = quantizedWeight(bytes, { format: 'Q8_0', shape: [1, 32] });
    fails('shape', () => quantizedLinear(normal([2, 31], { seed: 0 }), weight));
    fails('shape', () => quantizedLinear(normal([2, 32], { seed: 0 }), weight, { bias: tensor([1, 2]) }));
    fails('dtype', () => quantizedLinear(tensor(new Int32Array(32)), weight));
    fails('value', () => quantizedLinear(tensor([1]), tensor([1]) as never));
    fails('value', () => quantizedLinear(normal([2, 32], { seed: 0 }), weight, { activations: 'int4' as 'int8' }));
    fails('index_out_of_range', () => quantizedRows(weight, Int32Array.of(1)));
    fails('index_out_of_range', () => quantizedRows(weight, Int32Array.of(-1)));
    await expect(quantize(tensor([[1, 2]]), 'Q8_0')).rejects.toMatchObject({ code: 'shape' });
    await expect(quantize(tensor([[Number.NaN, 2]]), 'int8')).rejects.toMatchObject({ code: 'value' });
    await expect(quantize(tensor([[1, 2]]), 'Q4_K' as 'Q4_0')).rejects.toMatchObject({ code: 'value' });
    const other = withBackend('reference', () => normal([2, 32], { seed: 0 }));
    if (defaultBackend().name !== 'reference') fails('backend', () => quantizedLinear(other, weight));
  });
});

describe('quantize', () => {
  it('keeps values within half a step, int8 with short last groups and zero groups', async () => {
    const next = noise(4);
    const values = Float32Array.from({ length: 3 * 77 }, (_, i) => (i >= 77 && i < 77 + 32 ? 0 : next() - 0.5));
    using weight = await quantize(tensor(values, { shape: [3, 77] }), 'int8', { groupSize: 32 });
    const back = weight.dequantize().dataSync();
    for (let row = 0; row < 3; row++) {
      for (let from = 0; from < 77; from += 32) {
        const at = Array.from({ length: Math.min(32, 77 - from) }, (_, i) => row * 77 + from + i);
        const scale = Math.max(...at.map((i) => Math.abs(values[i] as number))) / 127;
        for (const i of at) {
          expect(Math.abs((back[i] as number) - (values[i] as number))).toBeLessThanOrEqual(scale * 0.5001);
        }
      }
    }
  });

  it('is nearest to the dense product in the order of the bits spent', async () => {
    const x = normal([8, 256], { seed: 30 });
    const w = normal([16, 256], { seed: 31 });
    const want = linear(x, w).dataSync();
    const off = async (format: 'int8' | 'Q8_0' | 'Q4_1' | 'Q4_0') => {
      using weight = await quantize(w, format, { activations: 'float32' });
      return distance(quantizedLinear(x, weight).dataSync(), want);
    };
    const [eight, four] = [await off('Q8_0'), await off('Q4_0')];
    expect(eight).toBeLessThan(0.01);
    expect(await off('int8')).toBeLessThan(0.01);
    expect(four).toBeLessThan(0.15);
    expect(four).toBeGreaterThan(eight);
    expect(await off('Q4_1')).toBeLessThan(0.15);
  });
});

describe.each(availableBackends())('shared between threads on %s', (backend) => {
  it('a handle joins the same memory, and disposing one leaves the other', () =>
    withBackend(backend, () => {
      const weight = randomWeight('Q8_0', [3, 32], 40, { activations: 'int8' });
      const handle = structuredClone({ ...share(weight), packed: { ...share(weight).packed, memory: null } });
      const joined = attach({ ...handle, packed: { ...handle.packed, memory: share(weight).packed.memory } });
      expect(joined).toMatchObject({ format: 'Q8_0', shape: [3, 32], activations: 'int8' });
      const want = weight.dequantize().dataSync();
      weight.dispose();
      expect(joined.dequantize().dataSync()).toEqual(want);
      joined.dispose();
    }));
});
