import { type Batch, CausalLMModule, Dropout, Embedding, type Head, initializer } from '@tessera-llm/layers';
import type { Tensor } from '@tessera-llm/tensor';

/** A model of one table: the next token depends on the current one only. Small enough to follow by hand. */
export class Bigram extends CausalLMModule {
  readonly embed: Embedding;
  readonly out: Embedding;
  readonly drop: Dropout;

  constructor({ vocabSize = 11, seed = 1, dropout = 0 } = {}) {
    super({ vocabSize, positionLimit: 64, layers: 1, numKeyValueHeads: 1, headDim: 1, compute: 'float32' });
    const init = initializer({ seed, std: 0.5 });
    this.embed = new Embedding(vocabSize, 6, { init });
    this.out = new Embedding(vocabSize, 6, { init });
    this.drop = new Dropout(dropout);
  }

  get head(): Head {
    return { weight: this.out.weight };
  }

  hidden(batch: Batch): Tensor {
    return this.drop.forward(this.embed.forward(batch.ids), batch);
  }
}
