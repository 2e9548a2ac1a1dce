import { defaultBackend, setBackend } from '@tessera-llm/tensor';

/** Runs something, also across turns of the event loop, with one backend as the default. */
export async function onBackend<T>(name: string, run: () => Promise<T>): Promise<T> {
  const before = defaultBackend();
  setBackend(name);
  try {
    return await run();
  } finally {
    setBackend(before);
  }
}
