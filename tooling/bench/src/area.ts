/** What an area is: named cases, each measured in processes of its own beside its peers. See README, "Add an area". */

/** What the command line says to every area. */
export interface Context {
  /** Folder for files that cases share (weights); removed when the program ends. */
  readonly folder: string;
  /** A GGUF file or a model folder that replaces the model with random weights; null: none given. */
  readonly model: string | null;
  /** Folder whose `node_modules` has vocabularies and texts that areas read; null: none given. */
  readonly nodePeers: string | null;
  /** Threads that both sides use. */
  readonly threads: number;
}

/** Seconds of one repetition, by figure name. */
export type Seconds = Readonly<Record<string, number>>;

/** One side of a case, ready to run: what `open` gives and what a peer's script does in its own language. */
export interface Subject {
  /** One repetition. Short work repeats until the clock is exact; see `timed`. */
  run(): Seconds | Promise<Seconds>;
}

/** Which measured ceiling a figure is held against, and how much of it one repetition needs at least. */
export interface Ceiling {
  /** Multiply-adds in registers in either precision, or bytes read from memory. */
  readonly kind: 'bandwidth' | 'bfloat16' | 'float32';
  /** Floating-point operations or bytes. */
  readonly work: number;
}

/** One number that a case measures. */
export interface Figure {
  /** Key in `Seconds`; cases with one figure leave it ''. */
  readonly name: string;
  /** A rate, so that larger is better: 'GFLOP/s', 'tokens/s', 'MB/s'. */
  readonly unit: string;
  /** Units of one repetition: value = work / seconds. */
  readonly work: number;
  readonly ceiling?: Ceiling;
}

/** Another program that does the same work. */
export interface Peer {
  /** Shown until the peer names itself and its version. */
  readonly name: string;
  /** `python`: with the interpreter of --python; `node`: with packages of --node-peers. */
  readonly program: 'node' | 'python';
  /** File in `peers/`. */
  readonly script: string;
  /** What the script gets. */
  readonly args: Readonly<Record<string, unknown>>;
}

/** One named piece of work. */
export interface Case {
  /** Unique in the area. */
  readonly name: string;
  /** Of the operands or stored weights. */
  readonly dtype: string;
  /** Precision of the products' inputs. */
  readonly compute: string;
  readonly figures: readonly Figure[];
  readonly peers: readonly Peer[];
  /** Writes what both sides read to `context.folder`, in a process of its own, before they are opened. */
  prepare?(): Promise<void>;
  /** Our side. Called in a fresh child process, so that its peak memory is the case's own. */
  open(): Promise<Subject>;
}

/** A group of cases, chosen by name on the command line. */
export interface Area {
  readonly name: string;
  /** One line for --list. */
  readonly about: string;
  /** The same list in every process that gets the same context. */
  cases(context: Context): readonly Case[];
}

/** Thrown by `cases`, `prepare` or `open` where something that a case needs is missing: the case is skipped and says so. */
export class Unavailable extends Error {}
