import { type CausalLM, type KVCache, batchFromSequences } from '@tessera-llm/layers';
import { type Tensor, argmax, gather, indexSelect, narrow, scope, tensor } from '@tessera-llm/tensor';
import { mostLikely } from './candidates';
import type { GenerateOptions, TokenLogprob } from './request';
import { notFinite } from './sampler';
import type { Sequence } from './sequence';

/** Rows of one sequence in a step. */
interface Part {
  readonly sequence: Sequence;
  readonly ids: readonly number[];
}

/** @internal Whole prompts and single tokens in order, until `most` rows are together; a longer prompt is cut. */
export function planStep(active: readonly Sequence[], most: number): Part[] {
  const parts: Part[] = [];
  let room = Math.max(most, active.length);
  for (const sequence of active) {
    if (room <= 0) break;
    const ids = sequence.pending.slice(0, room);
    room -= ids.length;
    parts.push({ sequence, ids });
  }
  return parts;
}

interface Drawn {
  readonly sequence: Sequence;
  readonly id: number;
  readonly logprob: number | null;
  readonly topLogprobs: readonly TokenLogprob[];
}

/** @internal One pass through the model, and a draw for every sequence whose prompt it completed. */
export async function step(model: CausalLM, cache: KVCache, parts: readonly Part[]): Promise<Drawn[]> {
  const slots = Int32Array.from(parts, ({ sequence }) => sequence.slot);
  const batch = batchFromSequences(
    parts.map(({ ids }) => ids),
    { cache: { store: cache, slots } },
  );
  const ready: Sequence[] = [];
  const lastRows: number[] = [];
  parts.forEach(({ sequence, ids }, b) => {
    sequence.pending = sequence.pending.slice(ids.length);
    if (sequence.pending.length > 0) return;
    ready.push(sequence);
    lastRows.push((batch.offsets[b + 1] ?? 0) - 1);
  });
  const rows = scope(() => {
    const hidden = model.hidden(batch);
    if (lastRows.length === batch.ids.length) return hidden; // decoding: every row is a last one
    return indexSelect(hidden, tensor(Int32Array.from(lastRows), { backend: hidden.backend }), { dim: 0 });
  });
  try {
    return ready.length === 0 ? [] : await draw(model, rows, ready);
  } finally {
    rows.dispose();
  }
}

/** Draws a token for each row (M, C) of hidden states. */
async function draw(model: CausalLM, rows: Tensor, sequences: readonly Sequence[]): Promise<Drawn[]> {
  const logits = scope(() => model.logits(rows)); // (M, V)
  try {
    const greedy = sequences.every(({ request }) => request.temperature === 0 && alternatives(request) === 0);
    const limit = Math.max(...sequences.map(({ request }) => request.vocabLimit ?? model.vocabSize));
    const sameLimit = sequences.every(({ request }) => (request.vocabLimit ?? model.vocabSize) === limit);
    // Greedy tokens are found where the logits are; anything else reads them.
    const values = greedy && sameLimit ? null : await floats(logits);
    const rowOf = (m: number): Float32Array =>
      values === null ? new Float32Array(0) : values.subarray(m * model.vocabSize, (m + 1) * model.vocabSize);
    const ids =
      values === null
        ? await mostLikelyIds(logits, limit)
        : Int32Array.from(sequences, (sequence, m) => sequence.draw(rowOf(m)));
    const logprobs = sequences.some(({ request }) => wantsLogprobs(request))
      ? await readAndDispose(scope(() => model.logProbs(rows, Int32Array.from(ids))))
      : null;
    return sequences.map((sequence, m) => {
      const id = ids[m] ?? 0;
      const logprob = wantsLogprobs(sequence.request) ? (logprobs?.[m] ?? null) : null;
      const count = alternatives(sequence.request);
      const topLogprobs = logprob === null || count === 0 ? [] : alternativesOf(rowOf(m), { id, logprob, count });
      return { sequence, id, logprob, topLogprobs };
    });
  } finally {
    logits.dispose();
  }
}

/** The most likely of the first `limit` tokens in each row (M, V). @throws GenerationError `not_finite` */
async function mostLikelyIds(logits: Tensor, limit: number): Promise<ArrayLike<number>> {
  const [places, largest] = scope(() => {
    const index = argmax(firstColumns(logits, limit), { dim: 1, keepdim: true }); // (M, 1)
    return [index, gather(logits, index, { dim: 1 })] as const;
  });
  const [ids, best] = await Promise.all([readAndDispose(places), readAndDispose(largest)]);
  // NaN counts as largest, and -Infinity is it where there is nothing else: one logit tells of its row.
  for (let m = 0; m < ids.length; m++) {
    if (!Number.isFinite(best[m])) throw notFinite(ids[m] ?? 0, best[m] ?? 0);
  }
  return ids;
}

function firstColumns(x: Tensor, length: number): Tensor {
  return length === x.shape[1] ? x : narrow(x, { dim: 1, start: 0, length });
}

function wantsLogprobs({ logprobs = false }: GenerateOptions): boolean {
  return logprobs !== false;
}

/** How many most likely tokens shall be given beside the drawn one. */
function alternatives({ logprobs }: GenerateOptions): number {
  return typeof logprobs === 'number' ? logprobs : 0;
}

async function floats(x: Tensor): Promise<Float32Array> {
  const values = await x.data();
  return values instanceof Float32Array ? values : Float32Array.from(values, Number);
}

async function readAndDispose(x: Tensor): Promise<ArrayLike<number>> {
  try {
    return await x.data();
  } finally {
    x.dispose();
  }
}

/** The most likely tokens; the drawn token's own log-probability gives the normaliser. */
function alternativesOf(
  logits: Float32Array,
  { id, logprob, count }: { id: number; logprob: number; count: number },
): TokenLogprob[] {
  const logSum = (logits[id] ?? 0) - logprob;
  return Array.from(mostLikely(logits, Math.min(count, logits.length)))
    .sort((a, b) => (logits[b] ?? 0) - (logits[a] ?? 0) || a - b)
    .map((token) => ({
      id: token,
      logprob: token === id ? logprob : Math.fround((logits[token] ?? 0) - logSum),
    }));
}
