import type { Tensor } from '../tensor';
import { unary } from './unary';

/**
 * max(x, 0) of each element, in x's dtype; NaN stays. The gradient is 0 at 0.
 *
 * @see Nair and Hinton 2010, "Rectified linear units improve restricted Boltzmann machines".
 *
 * @example
 * ```ts
 * import { relu, tensor } from '@tessera-llm/tensor';
 * console.log(await relu(tensor([-1, 2])).data()); // [0, 2]
 * ```
 */
export const relu = (x: Tensor): Tensor => unary('relu', x);

/**
 * max(x, 0)² of each element, in x's float dtype.
 *
 * @throws TensorError `dtype` unless x holds floats.
 * @see So et al. 2021, "Primer: searching for efficient transformers for language modeling".
 *
 * @example
 * ```ts
 * import { relu2, tensor } from '@tessera-llm/tensor';
 * console.log(await relu2(tensor([-1, 3])).data()); // [0, 9]
 * ```
 */
export const relu2 = (x: Tensor): Tensor => unary('relu2', x);

/**
 * x where x > 0, else 0.01 x (the slope of PyTorch's default), in x's float dtype. The gradient is 0.01 at 0.
 *
 * @throws TensorError `dtype` unless x holds floats.
 * @see Maas et al. 2013, "Rectifier nonlinearities improve neural network acoustic models".
 *
 * @example
 * ```ts
 * import { leakyRelu, tensor } from '@tessera-llm/tensor';
 * console.log(await leakyRelu(tensor([-100, 2])).data()); // [-1, 2]
 * ```
 */
export const leakyRelu = (x: Tensor): Tensor => unary('leakyRelu', x);

/**
 * x where x > 0, else e^x - 1, in x's float dtype.
 *
 * @throws TensorError `dtype` unless x holds floats.
 * @see Clevert et al. 2016, "Fast and accurate deep network learning by exponential linear units".
 *
 * @example
 * ```ts
 * import { elu, tensor } from '@tessera-llm/tensor';
 * console.log(await elu(tensor([-1, 2])).data()); // [-0.632…, 2]
 * ```
 */
export const elu = (x: Tensor): Tensor => unary('elu', x);

/**
 * x Φ(x) with Φ the distribution function of the standard normal, in x's float dtype: the exact GELU, `gelu` in
 * Hugging Face configs.
 *
 * @throws TensorError `dtype` unless x holds floats.
 * @see Hendrycks and Gimpel 2016, "Gaussian error linear units".
 *
 * @example
 * ```ts
 * import { geluErf, tensor } from '@tessera-llm/tensor';
 * console.log(await geluErf(tensor([-1, 1])).data()); // [-0.158…, 0.841…]
 * ```
 */
export const geluErf = (x: Tensor): Tensor => unary('geluErf', x);

/**
 * 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))), in x's float dtype: GPT-2's GELU, `gelu_new` and
 * `gelu_pytorch_tanh` in Hugging Face configs.
 *
 * @throws TensorError `dtype` unless x holds floats.
 * @see Hendrycks and Gimpel 2016, "Gaussian error linear units".
 *
 * @example
 * ```ts
 * import { geluTanh, tensor } from '@tessera-llm/tensor';
 * console.log(await geluTanh(tensor([-1, 1])).data()); // [-0.158…, 0.841…]
 * ```
 */
export const geluTanh = (x: Tensor): Tensor => unary('geluTanh', x);

/**
 * x σ(1.702 x), in x's float dtype: a GELU made of one sigmoid, `quick_gelu` in Hugging Face configs.
 *
 * @throws TensorError `dtype` unless x holds floats.
 * @see Hendrycks and Gimpel 2016, "Gaussian error linear units".
 *
 * @example
 * ```ts
 * import { quickGelu, tensor } from '@tessera-llm/tensor';
 * console.log(await quickGelu(tensor([-1, 1])).data()); // [-0.154…, 0.845…]
 * ```
 */
export const quickGelu = (x: Tensor): Tensor => unary('quickGelu', x);

/**
 * x σ(x), in x's float dtype; also called swish.
 *
 * @throws TensorError `dtype` unless x holds floats.
 * @see Elfwing et al. 2018, "Sigmoid-weighted linear units for neural network function approximation".
 *
 * @example
 * ```ts
 * import { silu, tensor } from '@tessera-llm/tensor';
 * console.log(await silu(tensor([-1, 1])).data()); // [-0.268…, 0.731…]
 * ```
 */
export const silu = (x: Tensor): Tensor => unary('silu', x);

/**
 * x tanh(softplus(x)), in x's float dtype.
 *
 * @throws TensorError `dtype` unless x holds floats.
 * @see Misra 2019, "Mish: a self regularized non-monotonic activation function".
 *
 * @example
 * ```ts
 * import { mish, tensor } from '@tessera-llm/tensor';
 * console.log(await mish(tensor([-1, 1])).data()); // [-0.303…, 0.865…]
 * ```
 */
export const mish = (x: Tensor): Tensor => unary('mish', x);

/**
 * σ(x) = 1 / (1 + e^-x), in x's float dtype, without overflow.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { sigmoid, tensor } from '@tessera-llm/tensor';
 * console.log(await sigmoid(tensor([0, 1])).data()); // [0.5, 0.731…]
 * ```
 */
export const sigmoid = (x: Tensor): Tensor => unary('sigmoid', x);

/**
 * log(1 + e^x), in x's float dtype, without overflow.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { softplus, tensor } from '@tessera-llm/tensor';
 * console.log(await softplus(tensor([0, 100])).data()); // [0.693…, 100]
 * ```
 */
export const softplus = (x: Tensor): Tensor => unary('softplus', x);

/**
 * Hyperbolic tangent of each element, in x's float dtype.
 *
 * @throws TensorError `dtype` unless x holds floats.
 *
 * @example
 * ```ts
 * import { tanh, tensor } from '@tessera-llm/tensor';
 * console.log(await tanh(tensor([0, 1])).data()); // [0, 0.761…]
 * ```
 */
export const tanh = (x: Tensor): Tensor => unary('tanh', x);
