import { readFileSync } from 'node:fs';
import { defaultBackend, scope, tensor } from '@tessera-llm/tensor';
import { closeTo } from '@tessera-llm/testing';
import { describe, expect, it } from 'vitest';
import { batchFromSequences } from './batch';
import { initializer } from './init';
import type { Module } from './module';
import { beginPass } from './pass';
import { DecoderBlock, EncoderBlock } from './post-norm';

interface Golden {
  readonly state: Readonly<Record<string, number[] | number[][]>>;
  readonly y: number[][][];
}

/** What torch.nn.TransformerEncoderLayer and TransformerDecoderLayer (norm_first=False) compute; see the test below. */
const golden: { x: number[][][]; memory: number[][][]; encoder: Golden; decoder: Golden } = JSON.parse(
  readFileSync(new URL('./post-norm.golden.json', import.meta.url), 'utf8'),
);

const options = { init: initializer({ seed: 1 }), layer: 0, width: 6, numHeads: 2, innerWidth: 10, dropout: 0 };

function filled<M extends Module>(module: M, { state }: Golden): M {
  return module.load(new Map(Object.entries(state).map(([key, value]) => [key, tensor(value)])));
}

/** Two segments of four rows, as the golden (2, 4, 6) input. */
function passOf() {
  return beginPass(
    batchFromSequences([
      [1, 1, 1, 1],
      [1, 1, 1, 1],
    ]),
    { backend: defaultBackend() },
  );
}

describe('the blocks of the original transformer', () => {
  it('the encoder block computes what PyTorch computes', () => {
    const block = filled(new EncoderBlock(options), golden.encoder);
    const y = scope(() => block.forward(tensor(golden.x.flat()), passOf()));
    closeTo('encoder', y.dataSync(), golden.encoder.y.flat(2), { rtol: 1e-5, atol: 1e-5 });
  });

  it('the decoder block computes what PyTorch computes, memory of another length included', () => {
    const block = filled(new DecoderBlock(options), golden.decoder);
    const memory = { states: tensor(golden.memory.flat()), offsets: new Int32Array([0, 3, 6]) };
    const y = scope(() => block.forward(tensor(golden.x.flat()), memory, passOf()));
    closeTo('decoder', y.dataSync(), golden.decoder.y.flat(2), { rtol: 1e-5, atol: 1e-5 });
  });

  it('drops parts of the sublayers in training only', () => {
    const block = new EncoderBlock({ ...options, dropout: 0.5 });
    const rng = { seed: 1, step: 0, sampleIds: new Int32Array([4, 5]) };
    const pass = beginPass(
      batchFromSequences(
        [
          [1, 1, 1, 1],
          [1, 1, 1, 1],
        ],
        { rng },
      ),
      { backend: defaultBackend() },
    );
    const x = tensor(golden.x.flat());
    const quiet = block.forward(x, pass).dataSync();
    const noisy = block.train().forward(x, pass).dataSync();
    expect(noisy).not.toEqual(quiet);
    expect(block.forward(x, pass).dataSync()).toEqual(noisy);
    expect(block.eval().forward(x, pass).dataSync()).toEqual(quiet);
  });
});
