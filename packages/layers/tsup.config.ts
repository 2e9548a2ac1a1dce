import { build } from '@tessera-llm/config/tsup';

export default build();
