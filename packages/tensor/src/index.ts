/// <reference lib="esnext.disposable" preserve="true" />
export { anomaly } from './anomaly';
export { grad, valueAndGrad, type ValueAndGrad, vjp, type VjpResult } from './autograd';
export { type AddsItself, detach, noGrad, type Vjp } from './tape';
export type {
  Activations,
  AdamWAttrs,
  AttentionAttrs,
  AttentionLayout,
  Backend,
  BackendPlan,
  BinaryFn,
  Block,
  CompareFn,
  Compute,
  CrossEntropyAttrs,
  DropoutAttrs,
  Epilogue,
  FusedKernels,
  GateFn,
  Guarantees,
  Kernels,
  LinearCrossEntropyGrads,
  LinearCrossEntropyWants,
  MatmulAttrs,
  NDArray,
  PlanInputs,
  PrimitiveKernels,
  QuantizedArray,
  QuantizedFormat,
  QuantizedKernels,
  QuantizedSpec,
  RandomKey,
  Recorded,
  ReduceFn,
  ShareHandle,
  StepFn,
  UnaryFn,
} from './backend/contract';
export {
  availableBackends,
  defaultBackend,
  memory,
  setBackend,
  setThreads,
  withBackend,
} from './backends';
export { composedKernels } from './backend/composed/index';
export { checkpoint } from './checkpoint';
export { arange, eye, full, ones, onesLike, zeros, zerosLike } from './create-filled';
export { type CreateOptions, fromBytes, type Nested, parameter, tensor, type TensorOptions } from './create';
export { normal, type RandomOptions, uniform } from './create-random';
export { customOp, type CustomOp } from './custom-op';
export type { DataArrays, DType, FloatDType, RawArrays } from './dtype';
export { byteSize, isFloat } from './dtype';
export { TensorError, type TensorErrorCode } from './errors';
export * from './ops/index';
export { canPlan, Plan, type PlanValues, recordPlan } from './plan';
export { isLabelling, labelled, type ModuleProfile, profile, type Profile, type TraceEvent } from './profile';
export { quantize, type QuantizeFormat } from './quantized/quantize';
export {
  isQuantizedWeight,
  quantizedWeight,
  type QuantizedWeight,
  type QuantizedWeightOptions,
} from './quantized/weight';
export { hash32 } from './random/key';
export { philox4x32 } from './random/philox';
export { keep, type NotPromise, scope } from './scope';
export { attach, share, type SharedTensorHandle, type SharedWeightHandle } from './share';
export { isTensor, type Storage, type Tensor } from './tensor';
