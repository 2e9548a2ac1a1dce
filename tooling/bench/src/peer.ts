import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Peer } from './area';
import { Child } from './child';

const folder = fileURLToPath(new URL('../peers/', import.meta.url));

/** Where other programs are, from the command line. */
export interface PeerPlaces {
  readonly python: string | null;
  readonly nodePeers: string | null;
}

/** Starts a peer's process, or says why it can't. */
export function peerChild(
  peer: Peer,
  { python, nodePeers }: PeerPlaces,
  threads: number,
): { readonly found: Child | null; readonly reason: string } {
  const script = join(folder, peer.script);
  if (!existsSync(script)) return { found: null, reason: `peers/${peer.script} is missing` };
  if (peer.program === 'python') {
    if (python === null) return { found: null, reason: 'give --python' };
    return { found: new Child(python, ['-u', script], { threads }), reason: '' };
  }
  if (nodePeers === null) return { found: null, reason: 'give --node-peers' };
  if (!existsSync(nodePeers)) return { found: null, reason: `${nodePeers} is missing` };
  // As text, so that its imports are looked up from the folder; the argument is where `serve` lies.
  const serve = pathToFileURL(join(folder, 'serve.mjs')).href;
  const args = ['--input-type=module', '--eval', readFileSync(script, 'utf8'), serve];
  return { found: new Child(process.execPath, args, { cwd: nodePeers, threads }), reason: '' };
}
