import { fileURLToPath } from 'node:url';
import type { Case, Ceiling, Context, Peer, Seconds } from './area';
import { Child, ChildFailure } from './child';
import { peerChild, type PeerPlaces } from './peer';
import type { Row } from './row';
import { median } from './timed';

/** GFLOP/s and GB/s that the machine does at most. */
export type Ceilings = Readonly<Record<Ceiling['kind'], number>>;

const worker = fileURLToPath(new URL('./worker.js', import.meta.url));

function ourChild(threads: number): Child {
  return new Child(process.execPath, [worker], { threads });
}

/** The ceilings: the best of many short probes, because whatever else runs only lowers them. */
export async function measureCeilings(threads: number): Promise<Ceilings> {
  const child = ourChild(threads);
  try {
    await child.open({ probes: true, threads });
    const runs: Seconds[] = [];
    for (let i = 0; i < 40; i++) runs.push(await child.run());
    const best = (kind: Ceiling['kind']): number => 1 / Math.min(...runs.map((run) => run[kind] ?? Number.NaN));
    return { float32: best('float32'), bfloat16: best('bfloat16'), bandwidth: best('bandwidth') };
  } finally {
    await child.close();
  }
}

/** What a case is measured under. */
export interface MeasureOptions {
  readonly area: string;
  readonly context: Context;
  readonly repeat: number;
  readonly ceilings: Ceilings | null;
  readonly peers: PeerPlaces;
  /** Says why something was left out. */
  readonly note: (message: string) => void;
}

/** A row and what the table shows beside it. */
export interface Measured {
  readonly row: Row;
  readonly peerPeakBytes: number | null;
}

/** Measures one case beside each of its peers in turn: a row per figure and peer; alone if there is no peer. */
export async function* measure(what: Case, options: MeasureOptions): AsyncGenerator<Measured, void, undefined> {
  const { area, context, note } = options;
  const title = `${area} ${what.name}`;
  if (what.prepare !== undefined) {
    const child = ourChild(context.threads);
    try {
      await child.open({ area, case: what.name, prepare: true, context });
    } catch (error) {
      if (!(error instanceof ChildFailure)) throw error;
      note(`${title}: skipped: ${error.message}`);
      return;
    } finally {
      await child.close();
    }
  }
  let alone = true;
  for (const peer of what.peers) {
    const { found, reason } = peerChild(peer, options.peers, context.threads);
    if (found === null) {
      note(`${title}: no ${peer.name}: ${reason}`);
      continue;
    }
    const rows = await session(what, { peer, child: found }, options);
    if (rows.length > 0) alone = false;
    yield* rows;
  }
  if (alone) yield* await session(what, null, options);
}

/** One sitting of ours and at most one peer: a round to warm up, then alternating repetitions. */
async function session(
  what: Case,
  other: { readonly peer: Peer; readonly child: Child } | null,
  { area, context, repeat, ceilings, note }: MeasureOptions,
): Promise<Measured[]> {
  const title = `${area} ${what.name}`;
  const ours = ourChild(context.threads);
  try {
    await ours.open({ area, case: what.name, prepare: false, context });
    let name: string | null = null;
    if (other !== null) {
      try {
        name = await other.child.open(other.peer.args);
        await other.child.run();
      } catch (error) {
        if (!(error instanceof ChildFailure)) throw error;
        note(`${title}: no ${other.peer.name}: ${error.message}`);
        return [];
      }
    }
    await ours.run();
    const [oursRuns, peerRuns]: [Seconds[], Seconds[]] = [[], []];
    for (let round = 0; round < repeat; round++) {
      // The order turns round, so that neither side always runs on the warmer processor.
      const first = round % 2 === 0;
      if (first) oursRuns.push(await ours.run());
      if (other !== null) peerRuns.push(await other.child.run());
      if (!first) oursRuns.push(await ours.run());
    }
    const peakBytes = await ours.peakBytes();
    const peerPeakBytes = other === null ? null : await other.child.peakBytes();
    const rows: Measured[] = [];
    for (const figure of what.figures) {
      const value = figure.work / middle(oursRuns, figure.name);
      const peerValue = name === null ? null : figure.work / middle(peerRuns, figure.name);
      if (peerValue !== null && Number.isNaN(peerValue)) continue; // a figure that this peer doesn't measure
      const { ceiling } = figure;
      const rate = ceiling === undefined ? null : (value / figure.work) * (ceiling.work / 1e9);
      rows.push({
        peerPeakBytes,
        row: {
          area,
          case: figure.name === '' ? what.name : `${what.name} ${figure.name}`,
          dtype: what.dtype,
          compute: what.compute,
          unit: figure.unit,
          value,
          ceilingShare:
            rate === null || ceiling === undefined || ceilings === null ? null : rate / ceilings[ceiling.kind],
          peer: name,
          peerValue,
          ratio: peerValue === null ? null : value / peerValue,
          peakBytes,
        },
      });
    }
    return rows;
  } catch (error) {
    if (!(error instanceof ChildFailure)) throw error;
    note(`${title}: skipped: ${error.message}`);
    return [];
  } finally {
    await ours.close();
    await other?.child.close();
  }
}

function middle(runs: readonly Seconds[], figure: string): number {
  return median(runs.map((run) => run[figure] ?? Number.NaN));
}
