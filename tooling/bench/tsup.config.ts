import { build } from '@tessera-llm/config/tsup';

// worker.ts is the program of the child processes in which our side runs; pass-worker.ts that of threads in them.
export default build(['src/main.ts', 'src/pass-worker.ts', 'src/worker.ts'], { dts: false });
