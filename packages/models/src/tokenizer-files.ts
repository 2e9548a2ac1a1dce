/** Placeholder until tokenizers builds. */
export type Tokenizer = { readonly none: true };
export async function readTokenizer(_: string): Promise<{ tokenizer: Tokenizer | null; chatTemplate: string | null; eosId: number | null }> {
  return { tokenizer: null, chatTemplate: null, eosId: null };
}
export async function writeTokenizer(_: string, __: object): Promise<void> {}
