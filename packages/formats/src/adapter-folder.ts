import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { writeFolderAtomic } from './atomic.js';
import { FormatsError, systemCode } from './errors.js';
import { type JsonObject, readJsonFile, writeJsonFile } from './json-file.js';
import type { RawTensor } from './safetensors/dtype.js';
import { openSafetensors } from './safetensors/read.js';
import { type NamedTensors, type TensorToWrite, writeSafetensors } from './safetensors/write.js';

/** File names of an adapter folder. */
const files = { config: 'adapter_config.json', weights: 'adapter_model.safetensors' } as const;

/** An adapter folder as PEFT writes it: the configuration with its keys as they are, and raw arrays by name. */
export interface AdapterFiles {
  /** `adapter_config.json`; `peft_type` is `LORA`, `IA3`, … */
  readonly config: JsonObject & { readonly peft_type: string };
  /** By PEFT's names, such as `base_model.model.….q_proj.lora_A.weight`. */
  readonly tensors: ReadonlyMap<string, RawTensor>;
}

/**
 * Reads an adapter folder: `adapter_config.json`, unchecked but for `peft_type`, which says what the rest means, and
 * `adapter_model.safetensors`, all of it into memory.
 *
 * @throws FormatsError `missing_file`, `read_failed`, `invalid_json` (also for a `peft_type` that is no string),
 * `invalid_file`
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readAdapter, writeAdapter } from '@tessera-llm/formats';
 *
 * const folder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'adapter');
 * const b = { dtype: 'F32', shape: [2, 1], bytes: new Uint8Array(8) } as const;
 * await writeAdapter(folder, { config: { peft_type: 'LORA', r: 1 }, tensors: { 'q_proj.lora_B.weight': b } });
 * const { config, tensors } = await readAdapter(folder);
 * console.log(config.peft_type, tensors.get('q_proj.lora_B.weight')?.shape); // 'LORA' [2, 1]
 * ```
 */
export async function readAdapter(folder: string): Promise<AdapterFiles> {
  const path = join(folder, files.config);
  const config = await readJsonFile(path);
  const { peft_type } = config;
  if (typeof peft_type !== 'string') {
    throw new FormatsError(
      'invalid_json',
      `[readAdapter] expected peft_type to be a string, got ${JSON.stringify(peft_type) ?? 'nothing'} (${path})`,
    );
  }
  const reader = await openSafetensors(join(folder, files.weights));
  try {
    const tensors = new Map<string, RawTensor>();
    for (const name of reader.tensors.keys()) tensors.set(name, await reader.read(name));
    return { config: { ...config, peft_type }, tensors };
  } finally {
    await reader.close();
  }
}

/**
 * Writes an adapter folder whole or not at all: both files are complete beside the old folder before they take its
 * place. Other files of the folder stay. The weights have the metadata `{ format: 'pt' }`, as PEFT's.
 *
 * @throws FormatsError `invalid_argument` for tensors that `writeSafetensors` refuses and a config without `peft_type`, `write_failed`; what was there
 * before is untouched.
 *
 * @example
 * ```ts
 * import { mkdtemp } from 'node:fs/promises';
 * import { tmpdir } from 'node:os';
 * import { join } from 'node:path';
 * import { readAdapter, writeAdapter } from '@tessera-llm/formats';
 *
 * const folder = join(await mkdtemp(join(tmpdir(), 'tessera-')), 'adapter');
 * const a = { dtype: 'F32', shape: [1, 2], bytes: new Uint8Array(new Float32Array([1, 2]).buffer) } as const;
 * const config = { peft_type: 'LORA', r: 1, target_modules: ['q_proj'] };
 * await writeAdapter(folder, { config, tensors: { 'base_model.model.q_proj.lora_A.weight': a } });
 * console.log((await readAdapter(folder)).config.r); // 1
 * ```
 */
export async function writeAdapter(
  folder: string,
  { config, tensors }: { readonly config: AdapterFiles['config']; readonly tensors: NamedTensors<TensorToWrite> },
): Promise<void> {
  if (typeof config.peft_type !== 'string') {
    const got = JSON.stringify(config.peft_type) ?? 'nothing';
    throw new FormatsError(
      'invalid_argument',
      `[writeAdapter] expected peft_type to be a string, such as 'LORA', got ${got}`,
    );
  }
  await writeFolderAtomic(folder, async (staged) => {
    await keepOthers(folder, staged);
    await writeJsonFile(join(staged, files.config), config);
    await writeSafetensors(join(staged, files.weights), tensors, { metadata: { format: 'pt' } });
  });
}

async function keepOthers(folder: string, staged: string): Promise<void> {
  const written: readonly string[] = Object.values(files).map((name) => join(folder, name));
  try {
    await cp(folder, staged, { recursive: true, filter: (source) => !written.includes(source) });
  } catch (cause) {
    const code = systemCode(cause) ?? 'an error';
    if (code === 'ENOENT') return; // a new folder
    throw new FormatsError('write_failed', `[writeAdapter] expected a readable folder ${folder}, got ${code}`, {
      cause,
    });
  }
}
