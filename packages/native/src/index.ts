export { computeCodes, dtypeCodes, type NativeAddon, statusNames } from './addon';
export { type LoadResult, loadNative, platformPackage } from './load';
