import { intercepting } from './intercept';
import { type NotPromise, synchronous } from './scope';
import { state } from './state';

/** One complete event of Chrome's trace format; times in microseconds. */
export interface TraceEvent {
  readonly name: string;
  readonly cat: string;
  readonly ph: 'X' | 'C';
  readonly ts: number;
  readonly dur: number;
  readonly pid: number;
  readonly tid: number;
  readonly args: Readonly<Record<string, number | string>>;
}

/** What the kernels that one module called itself took; those of the modules in it count there. */
export interface ModuleProfile {
  /** Names of `labelled` around the kernels, joined by dots; '' outside any. */
  readonly path: string;
  /** Milliseconds, forward and backward. */
  readonly ms: number;
  /** The part of `ms` that the backward pass took. */
  readonly backwardMs: number;
  /** Bytes that the forward passes left alive. */
  readonly keptBytes: number;
  /** Most bytes alive after one of its kernels. */
  readonly peakBytes: number;
}

/** What `profile` measured. */
export interface Profile<T> {
  /** What the function returned. */
  readonly result: T;
  /** For chrome://tracing or Perfetto: `JSON.stringify({ traceEvents })`. */
  readonly traceEvents: readonly TraceEvent[];
  /** Calls and milliseconds by kernel, the most expensive first. */
  readonly kernels: readonly { readonly name: string; readonly calls: number; readonly ms: number }[];
  /** By module path ('' outside any), the most expensive first. */
  readonly modules: readonly ModuleProfile[];
}

/**
 * Runs fn and records every kernel: a Chrome trace, a table by kernel, and time and live memory by module. Modules of
 * `@tessera-llm/layers` name themselves; `labelled` names anything else.
 *
 * @throws TensorError `async` if fn returns a promise.
 *
 * @example
 * ```ts
 * import { matmul, normal, profile } from '@tessera-llm/tensor';
 * const x = normal([64, 64], { seed: 0 });
 * const { kernels } = profile(() => matmul(x, x));
 * console.log(kernels[0]?.name); // 'matmul'
 * ```
 */
export function profile<T>(fn: () => NotPromise<T>): Profile<T> {
  const traceEvents: TraceEvent[] = [];
  const kernels = new Map<string, { calls: number; ms: number }>();
  const modules = new Map<string, Omit<ModuleProfile, 'path'>>();
  let live = state.backend?.memory().liveBytes ?? -1;
  const checked = synchronous('profile', fn);
  const result = intercepting((call) => {
    const path = state.labels.join('.');
    const ms = call.endMs - call.startMs;
    const now = call.backend.memory().liveBytes;
    const grown = live < 0 ? 0 : now - live;
    live = now;
    const common = { pid: 1, tid: 1, ts: call.startMs * 1000 };
    traceEvents.push({ ...common, name: call.name, cat: 'kernel', ph: 'X', dur: ms * 1000, args: { module: path } });
    traceEvents.push({ ...common, name: 'live bytes', cat: 'memory', ph: 'C', dur: 0, args: { bytes: now } });
    const k = kernels.get(call.name) ?? { calls: 0, ms: 0 };
    kernels.set(call.name, { calls: k.calls + 1, ms: k.ms + ms });
    const m = modules.get(path) ?? { ms: 0, backwardMs: 0, keptBytes: 0, peakBytes: 0 };
    const back = state.backward === true;
    modules.set(path, {
      ms: m.ms + ms,
      backwardMs: m.backwardMs + (back ? ms : 0),
      keptBytes: m.keptBytes + (back ? 0 : grown),
      peakBytes: Math.max(m.peakBytes, now),
    });
  }, checked) as T;
  const byTime = <E extends { ms: number }>(entries: E[]): E[] => entries.sort((a, b) => b.ms - a.ms);
  return {
    result,
    traceEvents,
    kernels: byTime([...kernels].map(([name, k]) => ({ name, ...k }))),
    modules: byTime([...modules].map(([path, m]) => ({ path, ...m }))),
  };
}

/**
 * True while `profile` or `anomaly` listens: names for `labelled` are worth working out.
 *
 * @example
 * ```ts
 * import { isLabelling, profile } from '@tessera-llm/tensor';
 * console.log(isLabelling(), profile(() => isLabelling()).result); // false true
 * ```
 */
export function isLabelling(): boolean {
  return state.intercept !== null;
}

/**
 * Names what fn computes in profiles and anomaly messages, backward passes included: modules call it with their own
 * path. Names within names are joined by dots.
 *
 * @example
 * ```ts
 * import { exp, labelled, profile, tensor } from '@tessera-llm/tensor';
 * const x = tensor([1, 2]);
 * const { modules } = profile(() => labelled('head', () => exp(x)));
 * console.log(modules[0]?.path); // 'head'
 * ```
 */
export function labelled<T>(name: string, fn: () => T): T {
  state.labels.push(name);
  try {
    return fn();
  } finally {
    state.labels.pop();
  }
}
