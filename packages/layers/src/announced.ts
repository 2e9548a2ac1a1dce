import { labelled } from '@tessera-llm/tensor';
import type { Module } from './module';

/** Modules that compute while a profile is taken, outermost first. */
const running: Module[] = [];
const knownPaths = new WeakMap<Module, Map<Module, string>>();

/** Path of a module below another; undefined if it isn't there. */
function pathBelow(above: Module, module: Module): string | undefined {
  const known = knownPaths.get(above)?.get(module);
  if (known !== undefined) return known;
  const paths = new Map([...above.namedModules()].map(([path, m]) => [m, path]));
  knownPaths.set(above, paths);
  return paths.get(module);
}

/** @internal Runs a module's computation under its path below the module that called it, or below the root. */
export function announced(module: Module, run: () => unknown): unknown {
  const caller = running[running.length - 1];
  const path = (caller && pathBelow(caller, module)) ?? module.path;
  running.push(module);
  try {
    return path === '' ? run() : labelled(path, run);
  } finally {
    running.pop();
  }
}
