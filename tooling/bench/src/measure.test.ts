import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn, spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { availableBackends } from '@tessera-llm/tensor';
import { afterAll, describe, expect, it, vi } from 'vitest';

const native = availableBackends().includes('native');
const folder = mkdtempSync(join(tmpdir(), 'tessera-bench-test-'));
const main = fileURLToPath(new URL('../dist/main.js', import.meta.url));
const area = ['attention', '--case', 'Llama 1x512 9/3 float32 forward', '--repeat', '1'];
const bench = (...args: string[]) => spawnSync(process.execPath, [main, ...args], { encoding: 'utf8' });

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A Python that answers the protocol with the given seconds, whatever it is asked to do. */
function fakePython(answers: string): string {
  const script = join(folder, `python-${Math.random()}.mjs`);
  const wrapper = `${script}.sh`;
  writeFileSync(
    script,
    `import { createInterface } from 'node:readline';
    for await (const line of createInterface({ input: process.stdin })) {
      const asked = JSON.parse(line);
      console.log('chatter of a library');
      ${answers}
    }`,
  );
  writeFileSync(wrapper, `#!/bin/sh\nexec ${process.execPath} ${script}\n`, { mode: 0o755 });
  return wrapper;
}

describe('the command', () => {
  it('measures without a peer and writes rows with peer null', () => {
    const json = join(folder, 'rows.json');
    const { status, stdout, stderr } = bench(...area, '--json', json);
    expect(stderr).toContain('no PyTorch SDPA: give --python');
    expect(status).toBe(0);
    expect(stdout).toContain(native ? 'ceilings on' : 'no ceilings');
    const rows: unknown = JSON.parse(readFileSync(json, 'utf8'));
    expect(rows).toHaveLength(2);
    expect(rows).toMatchObject([
      {
        area: 'attention',
        dtype: 'float32',
        compute: 'float32',
        unit: 'GFLOP/s',
        peer: null,
        peerValue: null,
        ratio: null,
      },
      { area: 'attention' },
    ]);
    const [row] = rows as { value: number; ceilingShare: number; peakBytes: number }[];
    expect(row?.value).toBeGreaterThan(0);
    // The ceilings are measured by native kernels.
    if (native) expect(row?.ceilingShare).toBeGreaterThan(0);
    else expect(row?.ceilingShare).toBeNull();
    expect(row?.peakBytes).toBeGreaterThan(2 ** 20);
  });

  it.skipIf(process.platform === 'win32')('puts a peer beside ours, passing over what its libraries print', () => {
    const python = fakePython(`
      if ('open' in asked) console.log(JSON.stringify({ ready: 'Fake 1.0' }));
      else if ('run' in asked) console.log(JSON.stringify({ seconds: { '': 1e9 } }));
      else console.log(JSON.stringify({ peakBytes: 5 * 2 ** 20 }));`);
    const json = join(folder, 'beside.json');
    expect(bench(...area, '--python', python, '--json', json).status).toBe(0);
    const [row] = JSON.parse(readFileSync(json, 'utf8')) as {
      peer: string;
      value: number;
      peerValue: number;
      ratio: number;
    }[];
    expect(row?.peer).toBe('Fake 1.0');
    expect(row?.peerValue).toBeLessThan(1e-6);
    expect(row?.ratio).toBeCloseTo((row?.value ?? 0) / (row?.peerValue ?? 1), 5);
  });

  it.skipIf(process.platform === 'win32')('measures alone beside a peer that fails, and says why', () => {
    const python = fakePython(`process.stderr.write('no module named torch\\n', () => process.exit(3)); break;`);
    const json = join(folder, 'failing.json');
    const { status, stderr } = bench(...area, '--python', python, '--json', json);
    expect(status).toBe(0);
    expect(stderr).toContain('no module named torch');
    expect(JSON.parse(readFileSync(json, 'utf8'))).toMatchObject([{ peer: null }, { peer: null }]);
  });

  it.skipIf(process.platform === 'win32').each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('at %s ends its children, removes its folder and exits with %i', async (signal, code) => {
    const temporary = join(folder, signal);
    mkdirSync(temporary);
    const beat = join(temporary, 'beat');
    // Never answers and would outlive the command: only killing it stops its beat.
    const python = fakePython(`
      const { writeFileSync } = await import('node:fs');
      setInterval(() => writeFileSync(${JSON.stringify(beat)}, String(performance.now())), 20);`);
    const child = spawn(process.execPath, [main, ...area, '--python', python], {
      env: { ...process.env, TMPDIR: temporary },
      stdio: 'ignore',
    });
    const closed = new Promise((done) => child.on('close', done));
    await vi.waitFor(() => expect(existsSync(beat)).toBe(true), 60_000);
    expect(readdirSync(temporary)).toHaveLength(2);
    child.kill(signal);
    expect(await closed).toBe(code);
    expect(readdirSync(temporary)).toEqual(['beat']);
    await new Promise((done) => setTimeout(done, 200)); // a kill takes a moment
    const last = readFileSync(beat, 'utf8');
    await new Promise((done) => setTimeout(done, 500));
    expect(readFileSync(beat, 'utf8')).toBe(last);
  });

  it('lists without measuring, and refuses what it does not know', () => {
    expect(bench('matmul', '--list').stdout).toContain('1024x50257x768 bfloat16');
    const { status, stderr } = bench('matmal');
    expect(status).toBe(1);
    expect(stderr).toContain('[bench] expected areas out of matmul');
  });
});
