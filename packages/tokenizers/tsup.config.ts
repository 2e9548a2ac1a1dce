import { build } from '@tessera-llm/config/tsup';

export default build({
  index: 'src/index.ts',
  'count-threads': 'src/trainers/count-threads.ts',
  'count-worker': 'src/trainers/count-worker.ts',
  pool: 'src/workers/pool.ts',
  'encode-worker': 'src/workers/encode-worker.ts',
  // For bundlers, no exports: each parts its modules from the others' chunks, which are then dropped where not imported.
  'chat-template': 'src/chat/chat-template.ts',
  gguf: 'src/load/gguf.ts',
  huggingface: 'src/load/huggingface.ts',
});
