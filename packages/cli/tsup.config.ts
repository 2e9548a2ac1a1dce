import { build } from '@tessera-llm/config/tsup';

export default build(['src/index.ts', 'src/bin.ts']);
