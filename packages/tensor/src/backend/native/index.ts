import type { Backend } from '../contract';

/** The native backend, or why there is none. */
export type LoadedBackend =
  | { readonly ok: true; readonly backend: Backend }
  | { readonly ok: false; readonly reason: string };

export function loadNativeBackend(): LoadedBackend {
  return { ok: false, reason: 'in the making' };
}
