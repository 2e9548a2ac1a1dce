import { memory } from '@tessera-llm/tensor';
import { describe, expect, it } from 'vitest';
import { type ActivationName, FeedForward, GatedFeedForward } from './feed-forward';
import { initializer } from './init';

describe.each([FeedForward, GatedFeedForward])('%o', (Layer) => {
  it.each(['zzz', 'toString', null])('refuses activation %s before it makes weights', (name) => {
    const { tensors } = memory();
    const activation = name as ActivationName;
    const run = () => new Layer({ init: initializer({ seed: 1 }), width: 2, innerWidth: 4, activation });
    expect(run).toThrow(expect.objectContaining({ name: 'LayersError', code: 'value' }));
    expect(memory().tensors).toBe(tensors);
  });
});
