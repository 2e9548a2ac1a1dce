import { DataError } from '@tessera-llm/data';
import { FormatsError } from '@tessera-llm/formats';
import { GenerationError } from '@tessera-llm/generation';
import { LayersError } from '@tessera-llm/layers';
import { ModelsError } from '@tessera-llm/models';
import { OptimizerError } from '@tessera-llm/optimizers';
import { TensorError } from '@tessera-llm/tensor';
import { TokenizerError } from '@tessera-llm/tokenizers';
import { TrainingError } from '@tessera-llm/training';
import { describe, expect, it } from 'vitest';

const made = <C extends string>(Type: new (code: C, message: string) => Error): Error =>
  new Type('x' as C, 'what came');

const errors = {
  data: [DataError, made(DataError)],
  formats: [FormatsError, made(FormatsError)],
  generation: [GenerationError, made(GenerationError)],
  layers: [LayersError, made(LayersError)],
  models: [ModelsError, made(ModelsError)],
  optimizers: [OptimizerError, made(OptimizerError)],
  tensor: [TensorError, made(TensorError)],
  tokenizers: [TokenizerError, made(TokenizerError)],
  training: [TrainingError, made(TrainingError)],
} as const;

describe.each(Object.entries(errors))('the error of %s', (name, [Type, error]) => {
  it('has its name, its code and its message', () => {
    expect(error).toBeInstanceOf(Error);
    expect(error).toMatchObject({ name: Type.name, code: 'x', message: 'what came' });
  });

  it('is recognised when another copy of the package made it, and no other is', () => {
    const others = Object.assign(new Error('what came'), { [Symbol.for(`tessera.${name}.error`)]: true });
    expect(others instanceof Type).toBe(true);
    expect(new Error('what came') instanceof Type).toBe(false);
    expect((null as unknown) instanceof Type).toBe(false);
    for (const [other, [, foreign]] of Object.entries(errors)) expect(foreign instanceof Type).toBe(other === name);
  });
});
