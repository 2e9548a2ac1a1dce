import { join } from 'node:path';
import {
  Unsupported,
  closeTo,
  dumpTensors,
  filesIn,
  fixtureCase,
  fixturesDir,
  flushDump,
  type HostTensor,
  loadJson,
  loadSafetensors,
} from '@tessera-llm/testing';
import { afterAll, describe, it } from 'vitest';
import { z } from 'zod';
import { type Tensor, type VjpResult, availableBackends, scope, setBackend, tensor, vjp, zeros } from '../index';
import { UnsupportedCase, fixtureOps } from './fixture-cases.test-support';

const named = z.record(z.string(), z.object({ tensor: z.string(), shape: z.array(z.number()), dtype: z.string() }));
const caseSchema = z.object({
  case: z.string(),
  attrs: z.record(z.string(), z.unknown()),
  inputs: named,
  outputs: named,
  upstream: named,
  grads: named,
  tol: z.record(z.string(), z.object({ rtol: z.number(), atol: z.number() })),
});
const fileSchema = z.object({ op: z.string(), cases: z.array(caseSchema) });
type FixtureCase = z.infer<typeof caseSchema>;

const folder = fixturesDir('ops');
const files = filesIn(folder, '.json').filter((f) => f !== 'rope_tables.json');

const host = (x: Tensor): HostTensor => ({
  shape: x.shape,
  dtype: x.dtype === 'int32' ? 'int32' : 'float32',
  data: x.dtype === 'int32' ? Int32Array.from(x.dataSync()) : Float32Array.from(x.dataSync()),
});

describe.skipIf(folder === null)('fixtures/ops (skipped where the fixtures are absent)', () => {
  afterAll(flushDump);
  for (const file of files) {
    const { op, cases } = fileSchema.parse(loadJson(join(folder ?? '', file)));
    const values = loadSafetensors(join(folder ?? '', file.replace('.json', '.safetensors')));
    const ways = fixtureOps[op] ?? [];
    for (const backend of availableBackends()) {
      for (const c of cases) {
        if (ways.length === 0) {
          it(`${op}: ${c.case} (unsupported)`, () =>
            fixtureCase('ops', `${op}/${c.case} on ${backend}`, () => {
              throw new Unsupported(`no op ${op}`);
            }));
        }
        ways.forEach((way, rank) => {
          if (way.when && !way.when(Object.keys(c.inputs), c.attrs)) return;
          it(`${op}: ${c.case}, ${way.name} on ${backend}`, () =>
            fixtureCase('ops', `${op}/${c.case} (${way.name}) on ${backend}`, () => {
              setBackend(backend);
              scope(() => runCase({ c, op, backend, values, run: way.run, dump: rank === 0 }));
            }));
        });
      }
    }
  }
});

function runCase(p: {
  c: FixtureCase;
  op: string;
  backend: string;
  values: Readonly<Record<string, HostTensor>>;
  run: (inputs: Readonly<Record<string, Tensor>>, attrs: FixtureCase['attrs']) => Record<string, Tensor>;
  dump: boolean;
}): void {
  const { c, values } = p;
  const value = (key: string): HostTensor => {
    const found = values[key];
    if (found === undefined) throw new Error(`the fixture has no tensor ${key}`);
    return found;
  };
  const load = (key: string): Tensor => {
    const x = value(key);
    return tensor(x.data, { shape: x.shape, dtype: x.dtype });
  };
  const inputs = Object.fromEntries(Object.entries(c.inputs).map(([name, ref]) => [name, load(ref.tensor)]));
  const gradNames = Object.keys(c.grads);
  const outNames = Object.keys(c.outputs);
  const computed: Record<string, HostTensor> = {};
  const expectEqual = (what: string, got: Tensor, key: string) => {
    const want = value(key);
    const seen = host(got);
    computed[key] = { ...seen, shape: want.shape };
    if (seen.shape.join() !== want.shape.join()) {
      throw new Error(`${what}: expected the shape (${want.shape}), got (${seen.shape})`);
    }
    closeTo(what, seen.data, want.data, c.tol[what] ?? { rtol: 1e-5, atol: 1e-6 });
  };
  let outputs: Record<string, Tensor> = {};
  let result: VjpResult<Tensor[]>;
  try {
    result = vjp(
      () => {
        outputs = p.run(inputs, c.attrs);
        return outNames.map((name) => outputs[name] as Tensor);
      },
      gradNames.map((name) => inputs[name] as Tensor),
      (ys) =>
        ys.map((y, i) => {
          const ref = c.upstream[outNames[i] as string];
          return ref === undefined ? zeros(y.shape) : load(ref.tensor);
        }),
    );
  } catch (error) {
    if (error instanceof UnsupportedCase) throw new Unsupported(`no function ${error.message}`);
    throw error;
  }
  outNames.forEach((name, i) =>
    expectEqual(name, result.value[i] as Tensor, (c.outputs[name] as { tensor: string }).tensor),
  );
  gradNames.forEach((name, i) =>
    expectEqual(`d_${name}`, result.grads[i] as Tensor, (c.grads[name] as { tensor: string }).tensor),
  );
  if (p.dump) dumpTensors(p.backend, `ops/${p.op}.safetensors`, computed);
}
