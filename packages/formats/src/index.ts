export { type AdapterFiles, readAdapter, writeAdapter } from './adapter-folder.js';
export { type FileContent, writeFileAtomic, writeFolderAtomic } from './atomic.js';
export { type ByteSource, bytesSource, openFile } from './byte-source.js';
export { FormatsError, type FormatsErrorCode } from './errors.js';
export {
  bfloat16ToFloat32,
  float16ToFloat32,
  float32ToBfloat16,
  float32ToFloat16,
  type TypedArrayOf,
  type TypedArrays,
  toFloat32,
  toTypedArray,
} from './floats.js';
export { dequantizeGguf } from './gguf/dequantize.js';
export type { GgufHeader, GgufTensorInfo } from './gguf/header.js';
export { type GgufReader, openGguf } from './gguf/read.js';
export {
  type GgufTensor,
  type GgufTensorType,
  type GgufTypeLayout,
  ggufByteLength,
  ggufTypes,
  isGgufTensorType,
} from './gguf/tensor-type.js';
export {
  type GgufArray,
  type GgufBigintType,
  type GgufNumberType,
  type GgufPlainValue,
  type GgufValue,
  type GgufValueType,
  ggufPlainMetadata,
  ggufPlainValue,
} from './gguf/value.js';
export { type GgufContents, type GgufTensorToWrite, serializeGguf, writeGguf } from './gguf/write.js';
export { hfFiles, readConfig, readGenerationConfig, writeConfig, writeGenerationConfig } from './hf-folder.js';
export { type JsonObject, type JsonValue, readJsonFile, writeJsonFile } from './json-file.js';
export { type CheckpointWriteOptions, openCheckpoint, writeCheckpoint } from './safetensors/checkpoint.js';
export {
  dtypeBits,
  type RawTensor,
  type SafetensorsDType,
  safetensorsDTypes,
  tensorByteLength,
} from './safetensors/dtype.js';
export type { SafetensorsHeader, TensorInfo } from './safetensors/header.js';
export { openSafetensors, type ParsedSafetensors, parseSafetensors, type TensorReader } from './safetensors/read.js';
export {
  type NamedTensors,
  type SafetensorsWriteOptions,
  serializeSafetensors,
  type TensorToWrite,
  writeSafetensors,
} from './safetensors/write.js';
