// Builds build/Release/tessera.node from source, without downloads. Without a compiler it says so once and succeeds:
// the reference backend runs then. $CXX and $CXXFLAGS are honoured; with --required a failed build fails. --target NAME
// cross-compiles into build/NAME/tessera.node: linux-arm64, win32-x64.
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { compileAndLink, families, findCompiler, findHeaders, root, run, targetOf, targets } from './toolchain.mjs';

const notice = (text) => process.stdout.write(`native: ${text}\n`);

const linkFlags = {
  // nodelete: the pool's threads run this code, and it must stay mapped when a worker's environment unloads the addon.
  linux: [
    '-shared',
    '-Wl,-z,nodelete',
    '-Wl,--exclude-libs,ALL',
    '-Wl,--gc-sections',
    '-static-libstdc++',
    '-static-libgcc',
    '-pthread',
  ],
  darwin: ['-bundle', '-undefined', 'dynamic_lookup'],
  windows: ['-shared', '-static', '-pthread', '-Wl,--gc-sections', '-lsynchronization'],
};

/** Import libraries of node.exe from the lists of exports that node-api-headers brings; Windows resolves nothing late. */
async function importLibraries(compiler, headers, folder) {
  const dlltool = compiler.command.replace(/g\+\+.*$/, 'dlltool');
  mkdirSync(folder, { recursive: true });
  const made = [];
  for (const name of ['js_native_api', 'node_api']) {
    const library = join(folder, `lib${name}.a`);
    await run(dlltool, ['-d', join(headers.folder, 'def', `${name}.def`), '-l', library]);
    made.push(library);
  }
  return made;
}

async function main() {
  const target = targetOf(process.argv.slice(2));
  const compiler = findCompiler(target);
  if (compiler === null && target !== undefined) {
    throw new Error(`native: no cross compiler for ${target}: ${targets[target].compilers.join(', ')}`);
  }
  if (compiler === null) {
    const asked = process.env.CXX ? ` ($CXX is '${process.env.CXX}')` : '';
    return notice(
      `no C++ compiler found${asked}; the native backend is left out and the reference backend will run, which is slow`,
    );
  }
  const isas = compiler.family === null ? undefined : families[compiler.family];
  const link = linkFlags[compiler.system];
  if (isas === undefined || link === undefined) {
    return notice(`no kernels for ${compiler.machine}; the reference backend will run, which is slow`);
  }
  const headers = findHeaders();
  if (headers === null) return notice('node-api-headers is not installed; run the package manager first');
  const started = performance.now();
  const folder = join(root, 'build', compiler.machine);
  const libraries = compiler.system === 'windows' ? await importLibraries(compiler, headers, folder) : [];
  const compiled = await compileAndLink({
    compiler,
    headers,
    folder,
    output: join(root, 'build', target ?? 'Release', 'tessera.node'),
    entries: [join(root, 'src', 'addon.cc')],
    link: [...libraries, ...link],
    isas,
    jobs: Math.max(2, availableParallelism()),
  });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  notice(compiled === 0 ? 'up to date' : `built with ${compiler.version}: ${compiled} objects in ${seconds} s`);
}

main().catch((error) => {
  // A compiler that can't build this is like none: the workspace still works on the reference backend.
  process.stderr.write(`${error.message}\n`);
  notice('the build failed (output above); the reference backend will run, which is slow');
  if (process.argv.includes('--required')) process.exitCode = 1;
});
