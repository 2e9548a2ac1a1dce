import { existsSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import type { Context } from './area';
import { areas } from './areas';

const context: Context = { folder: '/nowhere', model: null, nodePeers: null, threads: 1 };

describe('areas', () => {
  it('have names of their own', () => {
    const names = areas.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it.each(areas.map((area) => [area.name, area] as const))('%s names every case and figure once', (_, area) => {
    const cases = area.cases(context);
    expect(cases.length).toBeGreaterThan(0);
    const rows = cases.flatMap((one) => one.figures.map((figure) => `${one.name} ${figure.name}`));
    expect(new Set(rows).size).toBe(rows.length);
    expect(area.cases(context).map(({ name }) => name)).toEqual(cases.map(({ name }) => name));
  });

  it.each(areas.map((area) => [area.name, area] as const))('%s has the scripts of its peers', (_, area) => {
    for (const { peers } of area.cases(context)) {
      for (const { script } of peers)
        expect(existsSync(new URL(`../peers/${script}`, import.meta.url)), script).toBe(true);
    }
  });
});
