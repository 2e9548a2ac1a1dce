import { createRequire } from 'node:module';
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { CliError, describeError, exitCodes } from './errors';
import { tokenizerModels } from './commands/tokenizer-models';
import { Output, type Streams } from './output';

/** Where a command runs: streams, and the signal that Ctrl-C raises. */
export interface Environment extends Streams {
  /** Stops the command: training saves first, and the exit code is 130. Default: nothing does. */
  readonly signal?: AbortSignal;
}

const exitCodeHelp = `
Exit codes: ${exitCodes.ok} done, ${exitCodes.failure} failed, ${exitCodes.usage} wrong command line or configuration, \
${exitCodes.interrupted} interrupted (training resumes with --resume).`;

/**
 * Runs the `tessera` command. Errors are not thrown: their messages go to standard error, and with `--json` standard
 * output has the document `{"error": {"code", "message"}}`.
 *
 * @param args The command line after the program's name; `['--help']` lists the commands.
 * @param environment Streams to write to, usually those of the process.
 * @returns The exit code; see {@link exitCodes}.
 *
 * @example
 * ```ts
 * import { main } from '@tessera-llm/cli';
 * const code = await main(['info', 'no-such-folder'], { stdout: process.stdout, stderr: { write: () => {} } });
 * console.log(code); // 1
 * ```
 */
export async function main(args: readonly string[], environment: Environment): Promise<number> {
  const json = args.includes('--json');
  const output = new Output(environment, json);
  const context: CommandContext = { output, signal: environment.signal ?? new AbortController().signal };
  let code: number = exitCodes.ok;
  try {
    await createProgram(environment, context).parseAsync(args, { from: 'user' });
  } catch (error) {
    code = report(error, output, { stack: args.includes('--stack'), interrupted: context.signal.aborted });
  }
  return code;
}

function report(
  error: unknown,
  output: Output,
  { stack, interrupted }: { readonly stack: boolean; readonly interrupted: boolean },
): number {
  if (error instanceof CommanderError) {
    // Commander has written its message; asking for help or the version is no error.
    if (error.exitCode === 0) return exitCodes.ok;
    if (output.json) output.result({ error: { code: 'usage', message: error.message } }, '');
    return exitCodes.usage;
  }
  const { code, message } = describeError(error);
  output.note(`tessera: ${message}`);
  if (stack && error instanceof Error) output.note(error.stack ?? '');
  if (output.json) output.result({ error: { code, message } }, '');
  if (error instanceof CliError) return error.exitCode;
  return interrupted ? exitCodes.interrupted : exitCodes.failure;
}

function createProgram(environment: Environment, context: CommandContext): Command {
  const program = new Command('tessera');
  const configure = (command: Command): Command =>
    command
      .exitOverride()
      .configureOutput({
        writeOut: (text) => environment.stdout.write(text),
        writeErr: (text) => environment.stderr.write(text),
      })
      .addHelpText('after', exitCodeHelp);
  const shared = (command: Command): Command =>
    configure(command)
      .option('--json', 'write one JSON document to standard output, everything else to standard error')
      .addOption(new Option('--stack', 'show where an error was thrown').hideHelp());

  const computing = (command: Command): Command =>
    shared(command).addOption(
      new Option('--backend <name>', 'what computes; default: native if it can be loaded').choices([
        'native',
        'reference',
      ]),
    );

  configure(program)
    .description('Train, run and inspect language models. Subcommands: --help after each shows its options.')
    .version(packageVersion(), '--version', 'show the version')
    .showHelpAfterError('(tessera --help lists the commands)');

  const tokenizer = configure(program.command('tokenizer')).description('work with tokenizers');
  shared(tokenizer.command('train'))
    .description('train a tokenizer on text files and write a tokenizer.json')
    .argument('<files...>', 'UTF-8 text files')
    .requiredOption('--vocab-size <n>', 'entries of the vocabulary, special tokens included', wholeNumber(1))
    .requiredOption('--out <file>', 'the tokenizer.json to write')
    .addOption(new Option('--model <kind>', 'what to train').choices(tokenizerModels).default('byte-bpe'))
    .option(
      '--special-tokens <token...>',
      'special tokens, the first ids: all words up to the next option, so files go before it; default: the usual ones ' +
        'of the model. With byte-bpe the first begins every text',
    )
    .option(
      '--min-frequency <n>',
      'rarer pairs are not merged, rarer words (wordlevel) left out; not for unigram; default 0',
      wholeNumber(0),
    )
    .addOption(
      new Option('--unit <unit>', 'what is one text; default: file with byte-bpe, else line').choices(['file', 'line']),
    )
    .option('--threads <n>', 'threads that count words; default: 1 for small files, else all', wholeNumber(1))
    .action(async (files: string[], options) => {
      const { trainTokenizer } = await import('./commands/tokenizer-train');
      await trainTokenizer(files, options, context);
    });

  computing(program.command('train'))
    .description('train a language model as a configuration file says (README: the format)')
    .argument('<config>', 'JSON file')
    .requiredOption('--out <folder>', 'folder of the run: log.jsonl, run.json, checkpoints/, model/')
    .option(
      '--steps <n>',
      'steps at which to end and save: fewer than configured leave a run that --resume goes on with, more make it longer',
      wholeNumber(1),
    )
    .option('--resume', 'continue from the newest checkpoint in the folder')
    .action(async (config: string, options) => {
      const { trainModel } = await import('./commands/train');
      await trainModel(config, options, context);
    });

  computing(program.command('generate'))
    .description('continue a prompt, or answer messages')
    .argument('<model>', 'model folder in Hugging Face format, or GGUF file')
    .option('--prompt <text>', 'text to continue')
    .option(
      '--messages <file>',
      'JSON file: a list of {role, content}, or {messages, tools, documents}, for the model’s chat template',
    )
    .option('--max-tokens <n>', 'most tokens to generate', wholeNumber(1), 128)
    .option('--temperature <t>', '0 takes the likeliest token', realNumber(0), 1)
    .option('--top-k <k>', 'sample among the k likeliest tokens', wholeNumber(1))
    .option('--top-p <p>', 'sample among the likeliest tokens that hold p of the probability', shareAboveZero)
    .option('--min-p <p>', 'drop tokens below p times the likeliest one’s probability', realNumber(0, 1))
    .option('--seed <n>', 'the same seed gives the same text', wholeNumber(0), 0)
    .addOption(
      new Option('--compute <dtype>', 'inputs of matrix products; int8: of packed weights')
        .choices(['float32', 'bfloat16', 'int8'])
        .default('float32'),
    )
    .addOption(
      new Option('--weights <kind>', 'what weights are kept as; default: packed for a GGUF file, else float32').choices(
        ['float32', 'bfloat16', 'packed'],
      ),
    )
    .option('--logprobs', 'also give the log-probability of every generated token')
    .action(async (model: string, options) => {
      const { generateText } = await import('./commands/generate');
      await generateText(model, options, context);
    });

  shared(program.command('info'))
    .description('summarise a checkpoint: architecture, parameters, tokenizer')
    .argument('<model>', 'model folder in Hugging Face format, or GGUF file')
    .action(async (model: string) => {
      const { showInfo } = await import('./commands/info');
      await showInfo(model, context);
    });
  return program;
}

function packageVersion(): string {
  // One folder above this file, both in src/ and in dist/.
  const { version } = createRequire(import.meta.url)('../package.json') as { readonly version: string };
  return version;
}

/** What every command is given. */
export interface CommandContext {
  readonly output: Output;
  readonly signal: AbortSignal;
}

function wholeNumber(least: number): (text: string) => number {
  return (text) => {
    const n = Number(text);
    if (text.trim() === '' || !Number.isSafeInteger(n) || n < least) {
      throw new InvalidArgumentError(`expected a whole number of at least ${least}.`);
    }
    return n;
  };
}

function realNumber(least: number, most = Number.POSITIVE_INFINITY): (text: string) => number {
  return (text) => {
    const x = Number(text);
    if (text.trim() === '' || !(x >= least && x <= most) || !Number.isFinite(x)) {
      throw new InvalidArgumentError(`expected a number from ${least}${Number.isFinite(most) ? ` to ${most}` : ''}.`);
    }
    return x;
  };
}

/** Above 0 and at most 1. */
function shareAboveZero(text: string): number {
  if (Number(text) === 0) throw new InvalidArgumentError('expected a number above 0, at most 1.');
  return realNumber(0, 1)(text);
}
