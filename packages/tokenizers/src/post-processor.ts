/** Ids that go before and after a text when special tokens are asked for. */
export interface PostProcessor {
  readonly before: readonly number[];
  readonly after: readonly number[];
  /** The component of tokenizer.json. */
  toJSON(): unknown;
}

/** Puts special tokens around a text, as Hugging Face's TemplateProcessing does. */
export function template(options: {
  readonly before?: readonly { readonly token: string; readonly id: number }[];
  readonly after?: readonly { readonly token: string; readonly id: number }[];
}): PostProcessor {
  const { before = [], after = [] } = options;
  const special = (token: string) => ({ SpecialToken: { id: token, type_id: 0 } });
  const piece = (id: 'A' | 'B', typeId: number) => ({ Sequence: { id, type_id: typeId } });
  const around = (inner: unknown[]) => [
    ...before.map((t) => special(t.token)),
    ...inner,
    ...after.map((t) => special(t.token)),
  ];
  return {
    before: before.map((t) => t.id),
    after: after.map((t) => t.id),
    toJSON: () => ({
      type: 'TemplateProcessing',
      single: around([piece('A', 0)]),
      pair: around([piece('A', 0), piece('B', 1)]),
      special_tokens: Object.fromEntries(
        [...before, ...after].map((t) => [t.token, { id: t.token, ids: [t.id], tokens: [t.token] }]),
      ),
    }),
  };
}
