export { type ApplyChatTemplateOptions, applyChatTemplate, type ChatPrompt } from './chat/apply';
export {
  type ChatMessage,
  ChatTemplate,
  type RenderChatOptions,
  type RenderedChat,
  type Span,
} from './chat/chat-template';
export type { NamedTemplates } from './chat/template-files';
export { createDecoder } from './decoders/create';
export type { Decoder, TokenStream } from './decoders/decoder';
export type { DecodeOptions, DecodeStream } from './decode-stream';
export type { AddedToken, AllowedSpecial } from './encode/added-tokens';
export type { Encoding } from './encode/encoding';
export type { PaddingOptions } from './encode/padding';
export type { TruncationOptions, TruncationStrategy } from './encode/truncation';
export { TokenizerError, type TokenizerErrorCode } from './errors';
export { Bpe, type BpeOptions } from './models/bpe';
export { createModel } from './models/create';
export type { Model, Pieces } from './models/model';
export { Unigram, type UnigramOptions } from './models/unigram';
export { WordLevel, type WordLevelOptions } from './models/word-level';
export { WordPiece, type WordPieceOptions } from './models/word-piece';
export { bertNormalizer, type BertNormalizerOptions } from './normalizers/bert';
export { createNormalizer, normalizeText } from './normalizers/create';
export type { Normalizer } from './normalizers/normalizer';
export { createPostProcessor } from './post-processors/create';
export type { PostProcessor } from './post-processors/post-processor';
export {
  template,
  templateProcessor,
  type TemplateOptions,
  type TemplatePart,
  type TemplateToken,
} from './post-processors/template';
export { byteLevel, type ByteLevelOptions } from './pre-tokenizers/byte-level';
export { createPreTokenizer, splitText, type TextPiece } from './pre-tokenizers/create';
export { metaspace, type MetaspaceOptions, type PrependScheme } from './pre-tokenizers/metaspace';
export type { PreTokenizer } from './pre-tokenizers/pre-tokenizer';
export { sequence, splitPattern, type SplitOptions } from './pre-tokenizers/split';
export type { Dialect } from './regex/ast';
export { compilePattern, type Pattern } from './regex/pattern';
export { AlignedText, type Matches, type SplitBehavior } from './text/aligned-text';
export { byteAlphabet, byteToChar, charToByte } from './text/byte-alphabet';
export type {
  EncodeBatchOptions,
  EncodeIdsOptions,
  EncodeOptions,
  TextInput,
  TokenizerParts,
} from './options';
export { Tokenizer } from './tokenizer';
export { type SentencePieceOptions, tokenizerFromSentencePiece } from './load/sentencepiece';
export { type Gpt2Files, tokenizerFromGpt2 } from './load/gpt2';
export { type TiktokenEncoding, tiktokenEncodings, tokenizerFromTiktoken } from './load/tiktoken';
export { type HuggingFaceFiles, type HuggingFaceTokenizer, tokenizerFromHuggingFace } from './load/huggingface';
export type { GgufMetadata } from './load/gguf-metadata';
export { tokenizerFromGguf } from './load/gguf';
export { trainBpe, type TrainBpeOptions, type TrainMergesOptions } from './trainers/train-bpe';
export { trainUnigram, type TrainUnigramOptions } from './trainers/train-unigram';
export { trainWordLevel, type TrainWordLevelOptions } from './trainers/train-word-level';
export { trainWordPiece, type TrainWordPieceOptions } from './trainers/train-word-piece';
export type { CountReport, PackedWords, WordCounts } from './trainers/word-counts';
export type {
  CountPipeline,
  CountWatch,
  SpecialToken,
  Texts,
  TrainOptions,
  TrainProgress,
  WordCounting,
} from './trainers/options';
export type { AlphabetOptions } from './trainers/alphabet';
export { type GgufTokenizerMetadata, type ToGgufOptions, tokenizerToGguf } from './load/to-gguf';
