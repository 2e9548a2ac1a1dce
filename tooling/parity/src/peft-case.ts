import { join } from 'node:path';
import { type Adapter, type Batch, applyAdapter, languageModelLoss, nextTokenTargets } from '@tessera-llm/layers';
import { type Model, loadAdapter, open } from '@tessera-llm/models';
import { isTensor, scope, valueAndGrad } from '@tessera-llm/tensor';
import { type HostTensor, type Tolerance, closeTo, loadSafetensors } from '@tessera-llm/testing';
import { read } from './model-case';

/** Where a case of PEFT's lies and how near it must come. */
export interface PeftCaseParts {
  readonly name: string;
  readonly base: string;
  readonly folder: string;
  /** File of the expected tensors. */
  readonly expected: string;
  readonly tolerance: { readonly logits: Tolerance; readonly grads: Tolerance };
  /** Rows of the expected (B, T, V) logits that the batch has. */
  readonly rows: Int32Array;
  readonly batch: Batch;
  /** (N) aligned with the batch's ids. */
  readonly labels?: Int32Array;
  /** Takes what was computed, under the fixture's keys. */
  readonly dump?: (tensors: Readonly<Record<string, HostTensor>>) => void;
}

/** Opens base and adapter and compares logits, loss, every gradient and merging with what PEFT computed. */
export async function checkPeftCase(parts: PeftCaseParts): Promise<void> {
  const { model } = await open(parts.base);
  const adapter = applyAdapter(model, await loadAdapter(parts.folder));
  const expected = loadSafetensors(join(parts.expected));
  const check = (key: string, data: Float32Array, tolerance: Tolerance): void => {
    const want = expected[key];
    if (want === undefined) throw new Error(`${parts.name}: no ${key} is expected`);
    parts.dump?.({ [key]: { ...want, data } });
    closeTo(`${parts.name} ${key}`, data, want.data, tolerance);
  };
  await checkLogits(parts, expected, 'logits', model);
  await checkGradients(parts, { model, adapter }, check);

  const before = await logits(model, parts.batch);
  const weights = new Map<string, Float32Array>();
  for (const [key, weight] of model.namedWeights())
    if (isTensor(weight)) weights.set(key, Float32Array.from(await weight.data()));
  adapter.merge();
  await checkLogits(parts, expected, 'merged_logits', model);
  for (const key of Object.keys(expected)) {
    if (!key.startsWith('merged.')) continue;
    const weight = model.namedWeights().get(key.slice('merged.'.length));
    if (!isTensor(weight)) throw new Error(`${parts.name}: no weight for ${key}`);
    check(key, Float32Array.from(await weight.data()), { rtol: 1e-5, atol: 1e-6 });
  }
  adapter.unmerge();
  closeTo(`${parts.name} after unmerging`, await logits(model, parts.batch), before, { rtol: 0, atol: 0 });
  for (const [key, weight] of model.namedWeights()) {
    if (isTensor(weight))
      closeTo(`${key} after unmerging`, await weight.data(), weights.get(key) ?? [], { rtol: 0, atol: 0 });
  }
  adapter.dispose();
  model.dispose();
}

function logits(model: Model, batch: Batch): Promise<Float32Array> {
  return read(scope(() => model.logits(model.hidden(batch))));
}

/** Compares the rows that the batch has; the dump holds the others as they are expected. */
async function checkLogits(
  { name, batch, rows, tolerance, dump }: PeftCaseParts,
  expected: Readonly<Record<string, HostTensor>>,
  ...[key, model]: [string, Model]
): Promise<void> {
  const want = expected[key];
  if (want === undefined) throw new Error(`${name}: no ${key} is expected`);
  const got = await logits(model, batch);
  const width = want.shape[2] ?? 0;
  const all = Float32Array.from(want.data);
  const wanted = new Float32Array(got.length);
  rows.forEach((row, n) => {
    wanted.set(want.data.subarray(row * width, (row + 1) * width), n * width);
    all.set(got.subarray(n * width, (n + 1) * width), row * width);
  });
  dump?.({ [key]: { ...want, data: all } });
  closeTo(`${name} ${key}`, got, wanted, tolerance.logits);
}

async function checkGradients(
  { name, batch, labels, tolerance }: PeftCaseParts,
  { model, adapter }: { readonly model: Model; readonly adapter: Adapter },
  check: (key: string, data: Float32Array, tolerance: Tolerance) => void,
): Promise<void> {
  const keys = [...adapter.tensors.keys()];
  if (keys.length === 0) throw new Error(`${name}: the adapter is empty`);
  const targets = nextTokenTargets(batch, labels);
  const { value, grads } = valueAndGrad(
    () => languageModelLoss(model, batch, { targets }),
    [...adapter.tensors.values()],
  );
  check('loss', await read(value), tolerance.logits);
  for (const [i, key] of keys.entries()) {
    const gradient = grads[i];
    if (gradient !== undefined) check(`grad.${key}`, await read(gradient), tolerance.grads);
  }
}
