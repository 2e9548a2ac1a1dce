import { languageModelLoss, nextTokenTargets } from '@tessera-llm/layers';
import { type Tensor, adamwInPlace, keep, valueAndGrad, zerosLike } from '@tessera-llm/tensor';
import { closeTo } from '@tessera-llm/testing';
import { type ModelCase, read } from './model-case';

/** The gradient of every tensor of the checkpoint, under the checkpoint's own keys. */
export async function checkGradients(test: ModelCase): Promise<void> {
  const got = await gradients(test);
  const keys = test.keys().filter((key) => key.startsWith('grad.'));
  for (const key of keys) {
    const path = test.blueprint.parameterOf(key.slice('grad.'.length));
    const gradient = path === null ? undefined : got.get(path);
    if (gradient === undefined) throw new Error(`no gradient for ${key}`);
    test.checkGradient(key, gradient);
  }
  if (keys.length !== got.size) {
    throw new Error(`expected gradients of ${keys.length} tensors, the model has ${got.size} parameters`);
  }
}

/** The loss with some labels left out, and the norm of each of its gradients. */
export async function checkMaskedGradients(test: ModelCase): Promise<void> {
  const norms = test.expected.grad_l2_norm_masked;
  if (norms === undefined) return;
  const batch = test.batch();
  const targets = nextTokenTargets(batch, Int32Array.from(test.want('labels_masked').data));
  const loss = await read(languageModelLoss(test.model, batch, { targets }));
  test.check('loss_masked', loss, test.lossTolerance);
  test.record('loss_masked', loss[0]);
  const got = await gradients(test, targets);
  const computed: Record<string, number> = {};
  for (const [key, want] of Object.entries(norms)) {
    const gradient = got.get(test.blueprint.parameterOf(key) ?? '');
    if (gradient === undefined) throw new Error(`no gradient for ${key}`);
    const norm = Math.sqrt(gradient.reduce((sum, g) => sum + g * g, 0));
    computed[key] = norm;
    closeTo(`norm of the masked gradient of ${key}`, [norm], [want], { rtol: 1e-4, atol: 1e-6 });
  }
  test.record('grad_l2_norm_masked', computed);
}

async function gradients(test: ModelCase, targets?: Int32Array): Promise<Map<string, Float32Array>> {
  const { model } = test;
  const parameters = model.namedParameters();
  const { value, grads } = valueAndGrad(
    () => languageModelLoss(model, test.batch(), targets === undefined ? {} : { targets }),
    [...parameters.values()],
  );
  value.dispose();
  const found = new Map<string, Float32Array>();
  for (const [i, path] of [...parameters.keys()].entries()) {
    const gradient = grads[i];
    if (gradient !== undefined) found.set(path, await read(gradient));
  }
  return found;
}

/** The losses of a few AdamW steps on one batch. */
export async function checkAdamW(test: ModelCase): Promise<void> {
  const { adamw } = test.expected;
  if (adamw === undefined) return;
  const { model } = test;
  const batch = { ...test.batch(), ...rememberedLength(test) };
  const parameters = model.parameters();
  const moments = parameters.map((p): [Tensor, Tensor] => [keep(zerosLike(p)), keep(zerosLike(p))]);
  const losses: number[] = [];
  for (let step = 1; step <= adamw.losses.length; step++) {
    const { value, grads } = valueAndGrad(() => languageModelLoss(model, batch), parameters);
    losses.push(await value.item());
    value.dispose();
    parameters.forEach((p, i) => {
      const gradient = grads[i];
      const [m, v] = moments[i] ?? [];
      if (gradient === undefined || m === undefined || v === undefined) return;
      const { lr, eps, weight_decay: weightDecay, betas } = adamw;
      adamwInPlace(p, gradient, { m, v, lr, beta1: betas[0], beta2: betas[1], eps, weightDecay, step });
      gradient.dispose();
    });
  }
  for (const pair of moments) for (const x of pair) x.dispose();
  test.record('adamw', { losses });
  closeTo('adamw losses', losses, adamw.losses, { rtol: 1e-3, atol: 0 });
}

/**
 * The reference's dynamic frequencies stay at the longest sequence since the last short one: the AdamW steps were run
 * after the generation, whose last step saw the prompt and all new tokens but one.
 */
function rememberedLength({ expected }: ModelCase): { callLength?: number } {
  const { generation } = expected;
  if (generation === undefined) return {};
  return { callLength: generation.prompt.length + generation.new_tokens.length - 1 };
}
