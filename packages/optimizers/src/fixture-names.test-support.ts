import type { OptimizerType } from './create-optimizer.js';

/** PyTorch's snake_case setting names as ours. */
export function camelKeys(settings: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const camel = (key: string) => key.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(Object.entries(settings).map(([key, value]) => [camel(key), value]));
}

/** Sources that a fixture may name, in the order in which they are tried. */
const sources: readonly (readonly [RegExp, OptimizerType])[] = [
  [/torch\.optim\.AdamW\b/, 'adamw'],
  [/torch\.optim\.Adam\b/, 'adam'],
  [/torch\.optim\.SGD\b/, 'sgd'],
  [/torch\.optim\.RMSprop\b/, 'rmsprop'],
  [/torch\.optim\.Adagrad\b/, 'adagrad'],
  [/torch\.optim\.NAdam\b/, 'nadam'],
  [/torch\.optim\.RAdam\b/, 'radam'],
  [/torch\.optim\.Adamax\b/, 'adamax'],
  [/torch\.optim\.Adadelta\b/, 'adadelta'],
  [/torch\.optim\.Adafactor\b/, 'adafactor'],
  [/transformers\.optimization\.Adafactor\b/, 'adafactor_hf'],
  [/torch\.optim\.Muon\b/, 'muon'],
  [/Symbolic Discovery of Optimization Algorithms/, 'lion'],
];

/** Our name of the optimizer that a fixture's source describes. */
export function optimizerTypeOf(source: string): OptimizerType | undefined {
  return sources.find(([pattern]) => pattern.test(source))?.[1];
}
