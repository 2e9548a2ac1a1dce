import { type Batch, batchFromPadded, languageModelLoss, nextTokenTargets } from '@tessera-llm/layers';
import { type Tensor, neg, scope } from '@tessera-llm/tensor';
import { closeTo } from '@tessera-llm/testing';
import { type ModelCase, read } from './model-case';

/** Logits, every hidden state, loss and losses of all tokens of the unpadded batch. */
export async function checkForward(test: ModelCase): Promise<void> {
  const { model } = test;
  const batch = test.batch();
  const hiddenStates: Tensor[] = [];
  const last = model.hidden({ ...batch, capture: { hiddenStates } });
  test.check('logits', await read(scope(() => model.logits(last))), test.logitsTolerance);
  for (const [i, state] of hiddenStates.entries()) {
    test.check(`hidden_states.${i}`, Float32Array.from(await state.data()), test.logitsTolerance);
  }
  if (test.has(`hidden_states.${hiddenStates.length}`)) throw new Error('a layer was not captured');
  test.check('last_hidden_state', Float32Array.from(await last.data()), test.logitsTolerance);
  for (const state of [last, ...hiddenStates]) state.dispose();

  const loss = await read(languageModelLoss(model, batch));
  test.check('loss', loss, test.lossTolerance);
  test.record('loss', loss[0]);
  // A token's loss is a difference of logits and as exact as they are; the README's loss tolerance is the mean's.
  test.check('loss_per_token', await tokenLosses(test, batch), test.logitsTolerance);
}

/** Losses of the B * (T-1) tokens that have a target, through logProbs. */
async function tokenLosses(test: ModelCase, batch: Batch): Promise<Float32Array> {
  const targets = nextTokenTargets(batch);
  const counted = targets.map((target) => (target < 0 ? 0 : target));
  const all = await read(scope(() => neg(test.model.logProbs(test.model.hidden(batch), counted))));
  return all.filter((_, n) => (targets[n] ?? -1) >= 0);
}

/** The same with padding on the left and on the right: logits where the mask is 1, and the loss. */
export async function checkPadded(test: ModelCase): Promise<void> {
  for (const side of ['left', 'right']) {
    const key = `logits_padded_${side}`;
    const explicit = test.has(`position_ids_${side}`) ? { padPositions: test.rows(`position_ids_${side}`) } : {};
    const { batch, rows } = batchFromPadded(
      test.rows(`input_ids_padded_${side}`),
      test.rows(`attention_mask_${side}`),
      explicit,
    );
    const got = await test.logits(batch);
    const want = test.want(key);
    const width = test.model.vocabSize;
    const padded = new Float32Array(want.data.length);
    rows.forEach((place, n) => padded.set(got.subarray(n * width, (n + 1) * width), place * width));
    test.dump(key, padded);
    rows.forEach((place, n) => {
      const row = want.data.subarray(place * width, (place + 1) * width);
      closeTo(`${key} row ${place}`, got.subarray(n * width, (n + 1) * width), row, test.logitsTolerance);
    });
    if (test.has(`loss_padded_${side}`)) {
      const labels = Int32Array.from(rows, (place) => Number(test.want(`labels_padded_${side}`).data[place]));
      const targets = nextTokenTargets(batch, labels);
      const loss = await read(languageModelLoss(test.model, batch, { targets }));
      test.check(`loss_padded_${side}`, loss, test.lossTolerance);
    }
  }
}
