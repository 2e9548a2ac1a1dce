export { closeTo, difference, maxAbs, type Tolerance } from './compare';
export {
  filesIn,
  fixturesDir,
  fixturesRoot,
  type HostTensor,
  loadJson,
  loadSafetensors,
  subfolders,
} from './fixtures';
export {
  type CaseRecord,
  type CaseStatus,
  dumping,
  dumpJson,
  dumpTensors,
  fixtureCase,
  flushDump,
  Unsupported,
  unsupportedCase,
} from './record';
