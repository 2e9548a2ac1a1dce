export { activationCodes, computeCodes, dtypeCodes, type NativeAddon, quantCodes, statusNames } from './addon';
export { type LoadResult, loadNative, platformPackage } from './load';
