import type { GateFn } from '../backend/contract';
import type { Tensor } from '../tensor';
import * as t from '../index';

/** Attributes of a fixture case, as its JSON file holds them. */
export type Attrs = Readonly<Record<string, unknown>>;

/** Named tensors of a case. */
export type Named = Readonly<Record<string, Tensor>>;

type Case = (inputs: Named, attrs: Attrs) => Record<string, Tensor>;

const num = (v: unknown): number => Number(v);
const optional = (v: unknown): number | undefined => (v === null || v === undefined ? undefined : Number(v));
const list = (v: unknown): number[] => (Array.isArray(v) ? v.map(Number) : []);
const flag = (v: unknown): boolean => v === true;
const need = (inputs: Named, name: string): Tensor => {
  const x = inputs[name];
  if (x === undefined) throw new Error(`the case has no input ${name}`);
  return x;
};
const y = (value: Tensor) => ({ y: value });
const mask = (x: Tensor): Tensor => t.cast(x, 'bool');
const ordered = (inputs: Named, prefix: string): Tensor[] =>
  Object.keys(inputs)
    .filter((k) => k.startsWith(prefix))
    .sort((a, b) => Number(a.slice(prefix.length)) - Number(b.slice(prefix.length)))
    .map((k) => need(inputs, k));
const reduction = (v: unknown) => v as 'mean' | 'none' | 'sum';
const hostInts = (x: Tensor): Int32Array => Int32Array.from(x.dataSync());

const unaryByName: Readonly<Record<string, (x: Tensor) => Tensor>> = {
  relu: t.relu,
  relu2: t.relu2,
  gelu_erf: t.geluErf,
  gelu_tanh: t.geluTanh,
  silu: t.silu,
  sigmoid: t.sigmoid,
  tanh: t.tanh,
  softplus: t.softplus,
  quick_gelu: t.quickGelu,
  exp: t.exp,
  log: t.log,
  sqrt: t.sqrt,
  rsqrt: t.rsqrt,
  abs: t.abs,
  neg: t.neg,
  sin: t.sin,
  cos: t.cos,
  erf: t.erf,
  square: t.square,
  reciprocal: t.reciprocal,
  elu: t.elu,
  leaky_relu: t.leakyRelu,
  mish: t.mish,
  log1p: t.log1p,
  expm1: t.expm1,
};

const binaryByName: Readonly<Record<string, (a: Tensor, b: Tensor) => Tensor>> = {
  add: t.add,
  sub: t.sub,
  mul: t.mul,
  div: t.div,
  maximum: t.maximum,
  minimum: t.minimum,
  pow: t.pow,
};

const gateByName: Readonly<Record<string, GateFn>> = {
  swiglu: 'silu',
  geglu: 'geluErf',
  geglu_tanh: 'geluTanh',
  reglu: 'relu',
};

function named<T>(table: Readonly<Record<string, T>>, name: unknown): T {
  const found = table[String(name)];
  if (found === undefined) throw new UnsupportedCase(String(name));
  return found;
}

/** A case of a function that this package does not have. */
export class UnsupportedCase extends Error {}

function gatedCase(i: Named, a: Attrs): Record<string, Tensor> {
  const activation = named(gateByName, a.fn);
  if (flag(a.mlp)) {
    const x = need(i, 'x');
    const inner = t.gated(t.linear(x, need(i, 'wg')), t.linear(x, need(i, 'wu')), { activation });
    return y(t.linear(inner, need(i, 'wd')));
  }
  if (flag(a.packed)) {
    const [gate, up] = t.chunk(need(i, 'x'), 2, { dim: -1 }) as [Tensor, Tensor];
    return y(t.gated(gate, up, { activation }));
  }
  return y(t.gated(need(i, 'gate'), need(i, 'up'), { activation }));
}

/** Cos and sin (N, R/2) of positions, worked out in float64. */
function rotary(positions: ArrayLike<number>, theta: number, width: number): [Tensor, Tensor] {
  const half = width / 2;
  const angle = Array.from({ length: positions.length * half }, (_, n) => {
    const inv = theta ** ((-2 * (n % half)) / width);
    return (positions[Math.floor(n / half)] as number) * inv;
  });
  const shape = [positions.length, half];
  return [
    t.tensor(Float32Array.from(angle, Math.cos), { shape }),
    t.tensor(Float32Array.from(angle, Math.sin), { shape }),
  ];
}

function ropeCase(i: Named, a: Attrs): Record<string, Tensor> {
  const x = need(i, 'x');
  const [batch, heads, time, width] = x.shape as [number, number, number, number];
  const given = need(i, 'positions').dataSync();
  const positions = Array.from(
    { length: batch * time },
    (_, n) => given[given.length === time ? n % time : n] as number,
  );
  const [cos, sin] = rotary(positions, num(a.theta), num(a.rotary_dim));
  const rows = t.reshape(t.permute(x, [0, 2, 1, 3]), [batch * time, heads, width]);
  const turned = t.rope(rows, cos, sin, { interleaved: flag(a.interleaved) });
  return y(t.permute(t.reshape(turned, [batch, time, heads, width]), [0, 2, 1, 3]));
}

/** (B, H, T, D) as rows of a ragged batch (B · T, H, D). */
const toRows = (x: Tensor): Tensor => {
  const [b, h, n, d] = x.shape as [number, number, number, number];
  return t.reshape(t.permute(x, [0, 2, 1, 3]), [b * n, h, d]);
};

function raggedAttention(i: Named, a: Attrs): Record<string, Tensor> {
  const q = need(i, 'q');
  const k = need(i, 'k');
  const [batch, heads, time, width] = q.shape as [number, number, number, number];
  const keys = k.shape[2] as number;
  const layout = {
    queryOffsets: Int32Array.from({ length: batch + 1 }, (_, b) => b * time),
    queryStarts: new Int32Array(batch).fill(num(a.kv_offset ?? 0)),
    keyLengths: new Int32Array(batch).fill(keys),
    pageOffsets: Int32Array.from({ length: batch + 1 }, (_, b) => b),
    pageRows: Int32Array.from({ length: batch }, (_, b) => b * keys),
    pageSize: Math.ceil(Math.max(keys, 1) / 64) * 64,
  };
  const sinks = i.sinks;
  const out = t.attention(toRows(q), toRows(k), toRows(need(i, 'v')), {
    layout,
    causal: flag(a.causal),
    window: optional(a.window) ?? null,
    softcap: optional(a.softcap) ?? null,
    ...(typeof a.scale === 'number' && { scale: a.scale }),
    ...(sinks && { sinks }),
  });
  return y(t.permute(t.reshape(out, [batch, time, heads, width]), [0, 2, 1, 3]));
}

function denseAttention(i: Named, a: Attrs): Record<string, Tensor> {
  const { mask: additive, padding, sinks } = i;
  return y(
    t.scaledDotProductAttention(need(i, 'q'), need(i, 'k'), need(i, 'v'), {
      causal: flag(a.causal),
      kvOffset: num(a.kv_offset ?? 0),
      window: optional(a.window) ?? null,
      softcap: optional(a.softcap) ?? null,
      ...(typeof a.scale === 'number' && { scale: a.scale }),
      ...(additive && { mask: additive }),
      ...(padding && { padding: hostInts(padding) }),
      ...(sinks && { sinks }),
    }),
  );
}

function blockCase(i: Named, a: Attrs): Record<string, Tensor> {
  const x = need(i, 'x');
  const [batch, time, width] = x.shape as [number, number, number];
  const [heads, keyHeads, headDim] = [num(a.heads), num(a.kv_heads), num(a.head_dim)];
  const rows = t.reshape(x, [batch * time, width]);
  const positions = Array.from({ length: batch * time }, (_, n) => n % time);
  const [cos, sin] = rotary(positions, 10000, headDim);
  const n1 = t.rmsNorm(rows, { weight: need(i, 'n1'), eps: 1e-5 });
  const project = (w: string, h: number) => t.reshape(t.linear(n1, need(i, w)), [batch * time, h, headDim]);
  const offsets = Int32Array.from({ length: batch + 1 }, (_, b) => b * time);
  const mixed = t.attention(
    t.rope(project('wq', heads), cos, sin),
    t.rope(project('wk', keyHeads), cos, sin),
    project('wv', keyHeads),
    { layout: t.selfLayout(offsets) },
  );
  const h = t.add(rows, t.linear(t.reshape(mixed, [batch * time, heads * headDim]), need(i, 'wo')));
  const n2 = t.rmsNorm(h, { weight: need(i, 'n2'), eps: 1e-5 });
  const inner = t.gated(t.linear(n2, need(i, 'wg')), t.linear(n2, need(i, 'wu')));
  return y(t.reshape(t.add(h, t.linear(inner, need(i, 'wd'))), x.shape));
}

function crossEntropyCase(i: Named, a: Attrs): Record<string, Tensor> {
  const logits = need(i, 'logits');
  const target = need(i, 'target');
  if (a.fn === 'bce_with_logits') return y(t.bceWithLogits(logits, target, { reduction: reduction(a.reduction) }));
  if (flag(a.soft)) return y(t.softCrossEntropy(logits, target, { reduction: reduction(a.reduction) }));
  const weight = i.class_weight;
  return y(
    t.crossEntropy(logits, hostInts(target), {
      reduction: reduction(a.reduction),
      ignoreIndex: num(a.ignore_index),
      labelSmoothing: num(a.label_smoothing),
      ...(weight && { weight }),
    }),
  );
}

/** The same losses through the projection that never holds the logits: hidden = logits, weight = identity. */
function fusedCrossEntropyCase(i: Named, a: Attrs): Record<string, Tensor> {
  const logits = need(i, 'logits');
  const classes = logits.shape[logits.rank - 1] as number;
  const rows = t.reshape(logits, [classes === 0 ? 0 : logits.size / classes, classes]);
  const targets = hostInts(need(i, 'target'));
  const ignoreIndex = num(a.ignore_index);
  const losses = t.linearCrossEntropy(rows, t.eye(classes), targets, {
    ignoreIndex,
    labelSmoothing: num(a.label_smoothing),
  });
  if (a.reduction === 'none') return y(t.reshape(losses, logits.shape.slice(0, -1)));
  const total = t.sum(losses);
  return y(a.reduction === 'sum' ? total : t.div(total, targets.filter((n) => n !== ignoreIndex).length));
}

function lossCase(i: Named, a: Attrs): Record<string, Tensor> {
  const [input, target] = [need(i, 'input'), need(i, 'target')];
  if (a.fn === 'mse_loss') return y(t.mseLoss(input, target, { reduction: reduction(a.reduction) }));
  if (a.fn === 'smooth_l1_loss') {
    return y(t.smoothL1Loss(input, target, { reduction: reduction(a.reduction), beta: num(a.beta) }));
  }
  if (a.fn !== undefined) throw new UnsupportedCase(String(a.fn));
  return y(t.klDiv(input, target, { reduction: reduction(a.reduction), logTarget: flag(a.log_target) }));
}

function normCase(i: Named, a: Attrs): Record<string, Tensor> {
  const { weight = null, bias = null } = i;
  const x = need(i, 'x');
  if (a.fn === 'rms_norm') return y(t.rmsNorm(x, { weight, eps: num(a.eps), offset: num(a.offset ?? 0) }));
  if (a.fn === 'group_norm') return y(t.groupNorm(x, { groups: num(a.groups), weight, bias, eps: num(a.eps) }));
  if (a.fn !== 'layer_norm') throw new UnsupportedCase(String(a.fn));
  return y(t.layerNorm(x, { weight, bias, eps: num(a.eps) }));
}

function reduceCase(i: Named, a: Attrs): Record<string, Tensor> {
  const x = need(i, 'x');
  const options = { dims: a.dims === null ? null : list(a.dims), keepdim: flag(a.keepdim) };
  const correction = num(a.correction);
  const table: Readonly<Record<string, () => Tensor>> = {
    sum: () => t.sum(x, options),
    mean: () => t.mean(x, options),
    var: () => t.variance(x, { ...options, correction }),
    std: () => t.std(x, { ...options, correction }),
    max: () => t.max(x, options),
    min: () => t.min(x, options),
    prod: () => t.prod(x, options),
    norm2: () => t.norm(x, options),
    cumsum: () => t.cumsum(x, { dim: num(a.dim) }),
  };
  return y(named(table, a.fn)());
}

function softmaxCase(i: Named, a: Attrs): Record<string, Tensor> {
  const x = need(i, 'x');
  const dim = num(a.dim);
  const table: Readonly<Record<string, () => Tensor>> = {
    softmax: () => t.softmax(x, { dim }),
    log_softmax: () => t.logSoftmax(x, { dim }),
    logsumexp: () => t.logSumExp(x, { dim, keepdim: flag(a.keepdim) }),
  };
  return y(named(table, a.fn)());
}

function selectionCase(i: Named, a: Attrs): Record<string, Tensor> {
  const x = need(i, 'x');
  const dim = num(a.dim);
  const table: Readonly<Record<string, () => Record<string, Tensor>>> = {
    topk: () => ({ ...t.topk(x, num(a.k), { dim, largest: a.largest !== false }) }),
    argmax: () => y(t.argmax(x, { dim })),
    argmin: () => y(t.argmin(x, { dim })),
    argsort: () => y(t.argsort(x, { dim, descending: flag(a.descending) })),
    sort: () => y(t.sort(x, { dim, descending: flag(a.descending) }).values),
  };
  return named(table, a.fn)();
}

function indexingCase(i: Named, a: Attrs): Record<string, Tensor> {
  const dim = num(a.dim ?? 0);
  const table: Readonly<Record<string, () => Tensor>> = {
    gather: () => t.gather(need(i, 'x'), need(i, 'index'), { dim }),
    scatter: () => t.scatter(need(i, 'x'), need(i, 'index'), { dim, src: need(i, 'src') }),
    scatter_add: () => t.scatterAdd(need(i, 'x'), need(i, 'index'), { dim, src: need(i, 'src') }),
    index_select: () => t.indexSelect(need(i, 'x'), need(i, 'index'), { dim }),
    index_add: () => t.indexAdd(need(i, 'x'), need(i, 'index'), { dim, src: need(i, 'src') }),
    where: () => t.where(mask(need(i, 'cond')), need(i, 'a'), need(i, 'b')),
    masked_fill: () => t.maskedFill(need(i, 'x'), mask(need(i, 'mask')), num(a.value)),
  };
  return y(named(table, a.fn)());
}

function shapeCase(i: Named, a: Attrs): Record<string, Tensor> {
  const x = i.x ?? need(i, 'x0');
  const dim = num(a.dim ?? 0);
  const slices = () =>
    (Array.isArray(a.slices) ? a.slices : []).map((s: unknown) => {
      if (!Array.isArray(s)) return null;
      const [start, stop, step] = s.map(optional);
      return {
        ...(start !== undefined && { start }),
        ...(stop !== undefined && { stop }),
        ...(step !== undefined && { step }),
      };
    });
  const pads = () => (Array.isArray(a.pad) ? a.pad.map(list) : []);
  const table: Readonly<Record<string, () => Tensor>> = {
    concat: () => t.concat(ordered(i, 'x'), { dim }),
    stack: () => t.stack(ordered(i, 'x'), { dim }),
    slice: () => t.slice(x, slices()),
    permute: () => t.permute(x, list(a.dims)),
    transpose: () => t.transpose(x, ...(list(a.dims) as [number, number])),
    'permute+reshape': () => t.reshape(t.permute(x, list(a.dims)), list(a.shape)),
    reshape: () => t.reshape(x, list(a.shape)),
    expand: () => t.broadcastTo(x, list(a.shape)),
    repeat: () => t.repeat(x, list(a.repeats)),
    repeat_interleave: () => t.repeatInterleave(x, { repeats: num(a.repeats), dim }),
    flip: () => t.flip(x, { dims: list(a.dims) }),
    roll: () => t.roll(x, { shift: num(a.shift), dim }),
    pad: () =>
      t.pad(x, {
        before: pads().map((p) => p[0] as number),
        after: pads().map((p) => p[1] as number),
        value: num(a.value),
      }),
    tril: () => t.tril(x, { diagonal: num(a.diagonal) }),
    triu: () => t.triu(x, { diagonal: num(a.diagonal) }),
    unsqueeze: () => t.unsqueeze(x, dim),
    squeeze: () => t.squeeze(x, dim),
  };
  if (a.fn === 'split') {
    const parts = t.split(x, list(a.sizes), { dim });
    return Object.fromEntries(parts.map((p, n) => [`y${n}`, p]));
  }
  return y(named(table, a.fn)());
}

/** For each fixture file, the ways in which this package computes its cases. */
export const fixtureOps: Readonly<
  Record<
    string,
    readonly {
      readonly name: string;
      readonly run: Case;
      readonly when?: (inputs: readonly string[], attrs: Attrs) => boolean;
    }[]
  >
> = {
  activations: [
    {
      name: 'activations',
      run: (i, a) =>
        y(
          a.fn === 'clamp'
            ? t.clamp(need(i, 'x'), {
                min: optional(a.min) ?? Number.NEGATIVE_INFINITY,
                max: optional(a.max) ?? Number.POSITIVE_INFINITY,
              })
            : named(unaryByName, a.fn)(need(i, 'x')),
        ),
    },
  ],
  attention: [
    { name: 'dense', run: denseAttention },
    { name: 'ragged', run: raggedAttention, when: (inputs) => !inputs.includes('mask') && !inputs.includes('padding') },
  ],
  block: [{ name: 'block', run: blockCase }],
  cross_entropy: [
    { name: 'logits', run: crossEntropyCase },
    {
      name: 'fused',
      run: fusedCrossEntropyCase,
      when: (inputs, a) => a.fn === undefined && !flag(a.soft) && !inputs.includes('class_weight'),
    },
  ],
  elementwise_binary: [
    {
      name: 'binary',
      run: (i, a) =>
        y(
          typeof a.exponent === 'number'
            ? t.pow(need(i, 'a'), a.exponent)
            : named(binaryByName, a.fn)(need(i, 'a'), need(i, 'b')),
        ),
    },
  ],
  embedding: [
    {
      name: 'embedding',
      run: (i, a) => {
        const padding = optional(a.padding_idx);
        return y(t.embedding(need(i, 'weight'), need(i, 'ids'), padding === undefined ? {} : { paddingIdx: padding }));
      },
    },
  ],
  gated: [{ name: 'gated', run: gatedCase }],
  indexing: [{ name: 'indexing', run: indexingCase }],
  kl_div: [{ name: 'losses', run: lossCase }],
  linear: [{ name: 'linear', run: (i) => y(t.linear(need(i, 'x'), need(i, 'weight'), { bias: i.bias ?? null })) }],
  matmul: [{ name: 'matmul', run: (i) => y(t.matmul(need(i, 'a'), need(i, 'b'))) }],
  norms: [{ name: 'norms', run: normCase }],
  reductions: [{ name: 'reductions', run: reduceCase }],
  rope: [{ name: 'rope', run: ropeCase }],
  selection: [{ name: 'selection', run: selectionCase }],
  shape: [{ name: 'shape', run: shapeCase }],
  softmax: [{ name: 'softmax', run: softmaxCase }],
};
