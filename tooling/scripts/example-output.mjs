// Loaded before an example: what it prints becomes lines of JSON that say which line of the example printed it.
import { format } from 'node:util';

const print = console.log;
console.log = (...values) => {
  const line = Number(/:(\d+):\d+\)?$/.exec(new Error().stack.split('\n')[2] ?? '')?.[1]);
  print(JSON.stringify({ line, text: format(...values) }));
};
