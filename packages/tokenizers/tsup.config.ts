import { build } from '@tessera-llm/config/tsup';

export default build({
  index: 'src/index.ts',
  'count-threads': 'src/trainers/count-threads.ts',
  'count-worker': 'src/trainers/count-worker.ts',
  pool: 'src/workers/pool.ts',
  'encode-worker': 'src/workers/encode-worker.ts',
});
