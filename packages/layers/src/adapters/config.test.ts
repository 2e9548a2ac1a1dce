import { describe, expect, it } from 'vitest';
import { loraConfig } from './config';

const named = { target_modules: ['q_proj'] };

describe('loraConfig', () => {
  it("fills in PEFT's defaults, where a file has null too, and keeps what describes the file", () => {
    const defaults = {
      peft_type: 'LORA',
      r: 8,
      lora_alpha: 8,
      lora_dropout: 0,
      use_rslora: false,
      use_dora: false,
      target_modules: ['q_proj'],
      exclude_modules: null,
      layers_to_transform: null,
      layers_pattern: null,
      rank_pattern: {},
      alpha_pattern: {},
      init_lora_weights: true,
      fan_in_fan_out: false,
      bias: 'none',
    };
    expect(loraConfig(named)).toEqual(defaults);
    const { peft_type: _, target_modules: __, ...unset } = defaults;
    const nulls = Object.fromEntries(Object.keys(unset).map((field) => [field, null]));
    expect(loraConfig({ ...named, ...nulls })).toEqual(defaults);
    const described = {
      task_type: 'CAUSAL_LM',
      base_model_name_or_path: 'a/b',
      modules_to_save: null,
      use_qalora: false,
    };
    expect(loraConfig({ ...named, ...described })).toEqual({ ...defaults, ...described });
  });

  it.each([
    [{}, 'target_modules to be a list of names or a string, got nothing'],
    [{ target_modules: [] }, 'target_modules to be a list of names or a string, got []'],
    [{ target_modules: null }, 'target_modules to be a list of names or a string, got null'],
    [{ ...named, peft_type: null }, "peft_type to be 'LORA', got null"],
    [{ ...named, r: 65537 }, 'r to be a whole number from 1 to 65536, got 65537'],
    [{ ...named, r: 1.5 }, 'r to be a whole number from 1 to 65536, got 1.5'],
    [{ ...named, lora_alpha: '16' }, 'lora_alpha to be a number above 0, got "16"'],
    [{ ...named, lora_dropout: -0.1 }, 'lora_dropout to be a number from 0 to below 1, got -0.1'],
    [{ ...named, use_rslora: 'yes' }, 'use_rslora to be true or false, got "yes"'],
    [{ ...named, exclude_modules: [1] }, 'exclude_modules to be null, a list of names or a string, got [1]'],
    [
      { ...named, layers_to_transform: [-1] },
      'layers_to_transform to be null, an index or a list of indices, got [-1]',
    ],
    [{ ...named, alpha_pattern: { q: 0 } }, 'alpha_pattern to be numbers above 0 by pattern, got {"q":0}'],
    [{ ...named, rank_pattern: [4] }, 'rank_pattern to be whole numbers from 1 by pattern, got [4]'],
    [{ ...named, init_lora_weights: 'eva' }, `init_lora_weights to be true, false or 'gaussian', got "eva"`],
    [
      { ...named, modules_to_save: ['x'] },
      'modules_to_save to be null, false or nothing, because it is not applied here',
    ],
    [{ ...named, constructor: 1 }, 'constructor to be null, false or nothing, because it is not applied here, got 1'],
    [JSON.parse('{"target_modules": ["q_proj"], "__proto__": 1}'), '__proto__ to be null, false or nothing'],
    [{ ...named, use_dora: true, lora_dropout: 0.5 }, 'lora_dropout to be 0 where use_dora is true, got 0.5'],
    [
      { target_modules: 'q', layers_to_transform: 0 },
      'layers_to_transform to be null where target_modules is a string',
    ],
    [{ ...named, layers_pattern: ['h'] }, 'layers_pattern to be null where layers_to_transform is null, got ["h"]'],
    [{ target_modules: '(q' }, 'target_modules to hold a regular expression that JavaScript can read, got "(q"'],
  ])('says what it expected and what came: %j', (fields, message) => {
    expect(() => loraConfig(fields)).toThrow(
      expect.objectContaining({ code: 'adapter_config', message: expect.stringContaining(message) }),
    );
  });
});
