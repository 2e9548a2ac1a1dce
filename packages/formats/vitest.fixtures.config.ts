import { fixtureTests } from '@tessera-llm/config/vitest';

export default fixtureTests();
