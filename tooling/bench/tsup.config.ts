import { build } from '@tessera-llm/config/tsup';

// worker.ts is the program of the child processes in which our side runs.
export default build(['src/main.ts', 'src/worker.ts'], { dts: false });
