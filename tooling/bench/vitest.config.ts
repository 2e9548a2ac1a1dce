import { tests } from '@tessera-llm/config/vitest';

export default tests();
