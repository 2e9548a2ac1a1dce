export {
  activationCodes,
  computeCodes,
  dtypeCodes,
  type NativeAddon,
  quantCodes,
  staleCode,
  statusNames,
} from './addon';
export { type LoadResult, loadNative, platformPackage } from './load';
