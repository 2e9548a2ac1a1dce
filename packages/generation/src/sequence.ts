import type { KVCache } from '@tessera-llm/layers';
import type { GenerateRequest, GenerateResult, StopReason, TokenEvent, TokenLogprob } from './request';
import { drawToken } from './sampler';
import { StopMatcher, type TextStream } from './text-stop';

/** What the model said about the next token of a sequence. */
export interface NextToken {
  readonly id: number;
  readonly logprob: number | null;
  readonly topLogprobs: readonly TokenLogprob[];
}

/** One sequence on its way: what was fed to the model, what came out, and when it ends. */
export class Sequence {
  readonly slot: number;
  /** Tokens that the model has not seen yet: the rest of the prompt, or the last new token. */
  pending: number[];
  #length: number;
  readonly #limit: number;
  readonly #ends: ReadonlySet<number>;
  readonly #stops: ReadonlySet<number>;
  readonly #decoder: TextStream | null;
  readonly #matcher: StopMatcher;
  readonly #events: TokenEvent[] = [];

  constructor(
    readonly index: number,
    readonly request: GenerateRequest,
    cache: KVCache,
    positionLimit: number,
  ) {
    const { promptIds, endIds = [], stop = [], decoder, maxLength = 0 } = request;
    this.pending = Array.from(promptIds);
    this.#length = promptIds.length;
    this.#limit = lengthLimit(request, positionLimit);
    this.slot = cache.allocate(Math.max(this.#limit, maxLength));
    this.#ends = new Set(endIds);
    this.#stops = new Set(stop.filter((s) => typeof s === 'number'));
    this.#matcher = new StopMatcher(stop.filter((s) => typeof s === 'string'));
    this.#decoder = decoder === undefined ? null : decoder();
  }

  /** Draws a token from logits (V). */
  draw(logits: Float32Array): number {
    const { vocabLimit = logits.length } = this.request;
    return drawToken(logits.subarray(0, vocabLimit), { ...this.request, position: this.#length });
  }

  /** Takes the next token in. */
  accept({ id, logprob, topLogprobs }: NextToken): TokenEvent {
    this.#length++;
    this.pending = [id];
    const { text, stopReason } = this.#textOf(id);
    const event = { index: this.index, id, text, logprob, topLogprobs, stopReason };
    this.#events.push(event);
    return event;
  }

  #textOf(id: number): { text: string; stopReason: StopReason | null } {
    const silent = this.#ends.has(id) ? 'end' : this.#stops.has(id) ? 'stop' : null;
    if (silent !== null) return { text: this.#rest(), stopReason: silent };
    const piece = this.#matcher.push(this.#decoder?.push(id) ?? '');
    if (piece.stopped) return { text: piece.text, stopReason: 'stop' };
    if (this.#length < this.#limit) return { text: piece.text, stopReason: null };
    const last = this.#matcher.push(this.#decoder?.flush() ?? '');
    const text = piece.text + last.text;
    return last.stopped ? { text, stopReason: 'stop' } : { text: text + this.#matcher.flush(), stopReason: 'length' };
  }

  /** Text that was held back, when an end id came. */
  #rest(): string {
    const last = this.#matcher.push(this.#decoder?.flush() ?? '');
    return last.stopped ? last.text : last.text + this.#matcher.flush();
  }

  result(): GenerateResult {
    const events = this.#events;
    return {
      ids: events.map((event) => event.id),
      text: events.map((event) => event.text).join(''),
      logprobs: events.flatMap((event) => event.logprob ?? []),
      topLogprobs: events.map((event) => event.topLogprobs).filter((top) => top.length > 0),
      stopReason: events.at(-1)?.stopReason ?? 'length',
    };
  }
}

/** Tokens of a sequence at most, prompt included. */
export function lengthLimit({ promptIds, maxTokens = 128 }: GenerateRequest, positionLimit: number): number {
  return Math.min(promptIds.length + maxTokens, positionLimit);
}
