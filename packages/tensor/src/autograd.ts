import { TensorError } from './errors';
import { collect, discard, release, scope } from './scope';
import { sameShape, showShape } from './shape';
import { kernelsOf, state } from './state';
import type { AddsItself, Node, Tape } from './tape';
import { type Tensor, kindOf, viewOf, wantTensor, wrap, written } from './tensor';

function checkVersions(node: Node): void {
  for (let i = 0; i < node.saved.length; i++) {
    const s = node.saved[i];
    if (s !== undefined && s.version !== node.versions[i]) {
      throw new TensorError(
        'stale',
        `[${node.name}] a tensor of shape ${showShape(s.shape)} that the backward pass needs was written in place ` +
          `(version ${node.versions[i]}, now ${s.version}); write it after the backward pass, or to a copy`,
      );
    }
  }
}

/** Adds a gradient to what is there, in x's dtype; gradient tensors in the map are owned by it alone. */
function accumulate(into: Map<Tensor, Tensor>, x: Tensor, given: Tensor | AddsItself): void {
  const before = into.get(x);
  if (typeof given === 'function') {
    const sum = before === undefined ? zerosOf(x) : owned(before);
    given(sum);
    written(sum);
    if (sum !== before) before?.dispose();
    into.set(x, sum);
    return;
  }
  if (!sameShape(x.shape, given.shape)) {
    throw new TensorError(
      'autograd',
      `[autograd] expected a gradient of shape ${showShape(x.shape)}, got ${showShape(given.shape)}`,
    );
  }
  const g = given.dtype === x.dtype ? given : wrap(x.backend, kernelsOf(x.backend).cast(given, x.dtype));
  if (before === undefined) {
    into.set(x, viewOf(g, g.shape));
  } else if (before.storage.refs === 1) {
    kernelsOf(before.backend).addInPlace(before, g);
    // A custom op may have multiplied by this gradient on the way, and left a packed form of it.
    written(before);
  } else {
    into.set(x, wrap(before.backend, kernelsOf(before.backend).binary('add', before, g)));
    before.dispose();
  }
}

/** Runs a part of the backward pass under the names of the forward call that it belongs to. */
function backwardAt<T>(labels: readonly string[], fn: () => T): T {
  const before = state.labels.splice(0, state.labels.length, ...labels);
  const { backward = false } = state;
  state.backward = true;
  try {
    return fn();
  } finally {
    state.backward = backward;
    state.labels.splice(0, state.labels.length, ...before);
  }
}

function walk(tape: Tape, grads: Map<Tensor, Tensor>): void {
  for (let node = tape.nodes.at(-1); node !== undefined; node = tape.nodes.at(-1)) {
    backwardThrough(node, tape, grads);
    // Only now: dropTape lets go of what a node that throws has saved.
    tape.nodes.pop();
    for (const s of node.saved) s.unhold();
  }
}

/** Turns the gradients of a node's outputs into gradients of its inputs. */
function backwardThrough(node: Node, tape: Tape, grads: Map<Tensor, Tensor>): void {
  const incoming = node.outputs.map((y) => grads.get(y));
  if (incoming.every((g) => g === undefined)) return;
  checkVersions(node);
  const { result: gxs, made } = collect(node.name, () => {
    const gys = node.outputs.map((y, i) => incoming[i] ?? zerosOf(y));
    const needs = node.inputs.map((x) => x.tapeId === tape.id);
    return node.labels === null ? node.vjp(gys, needs) : backwardAt(node.labels, () => node.vjp(gys, needs));
  });
  try {
    node.inputs.forEach((x, i) => {
      const g = gxs[i];
      if (g && x.tapeId === tape.id) accumulate(grads, x, g);
    });
  } finally {
    for (const t of made) if (!t.kept) t.dispose();
  }
  for (const y of node.outputs) {
    grads.get(y)?.dispose();
    grads.delete(y);
  }
}

function zerosOf(x: Tensor): Tensor {
  return wrap(x.backend, kernelsOf(x.backend).fill(x.shape, x.dtype, 0));
}

function dropTape(tape: Tape): void {
  for (const node of tape.nodes) for (const s of node.saved) s.unhold();
  tape.nodes.length = 0;
}

/** Outputs of a function, and gradients of what was asked for. */
export interface VjpResult<T> {
  /** What the function returned. */
  readonly value: T;
  /** One for each tensor of `wrt`, of its shape and dtype. */
  readonly grads: Tensor[];
}

/**
 * Vector-Jacobian product: runs `fn`, then walks back from its outputs with the gradients `upstream`.
 * What fn makes and does not return is freed, as in `scope`, as soon as the walk has passed it.
 *
 * @param fn A synchronous function giving one tensor or several.
 * @param wrt Tensors whose gradients are wanted.
 * @param upstream One gradient for each output, of its shape (in another dtype it is cast); or a function of the
 *   outputs that gives them.
 * @returns The outputs, and gradients aligned with `wrt`, each in its tensor's dtype (zeros where fn does not depend on
 *   one).
 * @throws TensorError `autograd` inside another gradient (first order only) and for gradients that are not those of the
 *   outputs; `stale` after an in-place write; `async` if fn returns a promise; `value` for what is no tensor.
 *
 * @example
 * ```ts
 * import { mul, tensor, vjp } from '@tessera-llm/tensor';
 * const x = tensor([1, 2, 3]);
 * const { grads } = vjp(() => [mul(x, x)], [x], [tensor([1, 0, 1])]);
 * console.log(await grads[0]?.data()); // [2, 0, 6]
 * ```
 */
export function vjp<T extends readonly Tensor[]>(
  fn: () => T,
  wrt: readonly Tensor[],
  upstream: readonly Tensor[] | ((outputs: T) => readonly Tensor[]),
): VjpResult<T> {
  const { value, grads } = differentiate(fn, (outputs) => outputs, wrt, upstream);
  return { value, grads };
}

function wantList(name: string, xs: readonly Tensor[]): void {
  if (!Array.isArray(xs))
    throw new TensorError('value', `[grad] expected ${name} as a list of tensors, got ${kindOf(xs)}`);
  xs.forEach((x, i) => wantTensor('grad', x, `${name}[${i}]`));
}

/** @internal The common body of vjp and valueAndGrad. */
function differentiate<R, T extends readonly Tensor[]>(
  fn: () => R,
  outputsOf: (result: R) => T,
  wrt: readonly Tensor[],
  upstream: readonly Tensor[] | ((outputs: T) => readonly Tensor[]),
): VjpResult<R> {
  if (state.tape !== null) {
    throw new TensorError(
      'autograd',
      '[grad] second derivatives are not supported: a gradient was asked for inside a function being differentiated; ' +
        'wrap it in noGrad() if no gradient need flow through it',
    );
  }
  wantList('wrt', wrt);
  const tape: Tape = { id: state.nextTapeId++, nodes: [] };
  const before = wrt.map((x) => x.tapeId);
  for (const x of wrt) x.tapeId = tape.id;
  state.tape = tape;
  let forward: readonly Tensor[] = [];
  try {
    const { result, made } = collect('grad', fn);
    forward = made;
    state.tape = null;
    release(made, result);
    const outputs = outputsOf(result);
    wantList('what the function returns', outputs);
    const grads = scope(() => backward(tape, outputs, wrt, upstream));
    return { value: result, grads };
  } catch (error) {
    // What the function returned goes to nobody.
    discard(forward);
    throw error;
  } finally {
    state.tape = null;
    dropTape(tape);
    wrt.forEach((x, i) => {
      x.tapeId = before[i] ?? 0;
    });
  }
}

function backward<T extends readonly Tensor[]>(
  tape: Tape,
  outputs: T,
  wrt: readonly Tensor[],
  upstream: readonly Tensor[] | ((outputs: T) => readonly Tensor[]),
): Tensor[] {
  const gys = typeof upstream === 'function' ? upstream(outputs) : upstream;
  wantList('upstream gradients', gys);
  if (gys.length !== outputs.length) {
    throw new TensorError(
      'autograd',
      `[vjp] expected one upstream gradient for each of ${outputs.length} outputs, got ${gys.length}`,
    );
  }
  const grads = new Map<Tensor, Tensor>();
  outputs.forEach((y, i) => {
    const g = gys[i];
    if (g !== undefined && y.tapeId === tape.id) accumulate(grads, y, g);
  });
  // A wanted tensor may itself be an output of the tape only by being a leaf, so its gradient survives the walk.
  walk(tape, grads);
  const given = new Set<Tensor>();
  return wrt.map((x) => {
    const g = owned(grads.get(x) ?? zerosOf(x));
    // A tensor that is named twice gets two gradients: callers add to them, and dispose them, one by one.
    if (given.has(g)) return wrap(g.backend, kernelsOf(g.backend).copy(g));
    given.add(g);
    return g;
  });
}

/** A gradient with memory of its own: of x + y both are the incoming one, and callers add to gradients in place. */
function owned(g: Tensor): Tensor {
  return g.storage.refs === 1 ? g : wrap(g.backend, kernelsOf(g.backend).copy(g));
}

/** The loss, further results that the function returned beside it, and the gradients. */
export interface ValueAndGrad<A> {
  /** The scalar. */
  readonly value: Tensor;
  /** What stood beside it. */
  readonly aux: A;
  /** One for each tensor of `wrt`, of its shape and dtype. */
  readonly grads: Tensor[];
}

/**
 * Value and gradients of a scalar function. `fn` returns the scalar, or `[scalar, aux]` where aux is anything that
 * should outlive the call (tensors in it are not freed and get no gradient of their own).
 *
 * @param fn A synchronous function; its scalar may be of shape () or (1).
 * @param wrt Tensors whose gradients are wanted, usually a model's parameters.
 * @returns `value`, `aux` (undefined if none) and `grads`, aligned with `wrt`.
 * @throws TensorError `autograd` for a result that is not a scalar or inside another gradient; `stale` after an
 *   in-place write; `async` if fn returns a promise; `value` for what is no tensor.
 *
 * @example
 * ```ts
 * import { mul, sum, tensor, valueAndGrad } from '@tessera-llm/tensor';
 * const w = tensor([1, 2, 3]);
 * const { value, grads } = valueAndGrad(() => sum(mul(w, w)), [w]);
 * console.log(await value.item(), await grads[0]?.data()); // 14 [2, 4, 6]
 * ```
 */
export function valueAndGrad(fn: () => Tensor, wrt: readonly Tensor[]): ValueAndGrad<undefined>;
export function valueAndGrad<A>(fn: () => readonly [Tensor, A], wrt: readonly Tensor[]): ValueAndGrad<A>;
export function valueAndGrad<A>(
  fn: () => Tensor | readonly [Tensor, A],
  wrt: readonly Tensor[],
): ValueAndGrad<A | undefined> {
  const scalarOf = (result: Tensor | readonly [Tensor, A]): readonly [Tensor] => {
    const y: unknown = Array.isArray(result) ? result[0] : result;
    wantTensor('grad', y, 'what the function returns');
    if (y.size !== 1) {
      throw new TensorError(
        'autograd',
        `[grad] expected the function to return a scalar, got ${showShape(y.shape)}; reduce it with sum() or mean()`,
      );
    }
    return [y];
  };
  const { value, grads } = differentiate(fn, scalarOf, wrt, ([y]) => [
    wrap(y.backend, kernelsOf(y.backend).fill(y.shape, y.dtype, 1)),
  ]);
  return 'storage' in value ? { value, aux: undefined, grads } : { value: value[0], aux: value[1], grads };
}

/**
 * Gradients of a scalar function, aligned with `wrt`; see `valueAndGrad`, which throws the same.
 *
 * @example
 * ```ts
 * import { exp, grad, sum, tensor } from '@tessera-llm/tensor';
 * const x = tensor([0, 1]);
 * const [g] = grad(() => sum(exp(x)), [x]);
 * console.log(await g?.data()); // [1, 2.718…]
 * ```
 */
export function grad(fn: () => Tensor, wrt: readonly Tensor[]): Tensor[] {
  return scope(() => valueAndGrad(fn, wrt).grads);
}
