import { build } from '@tessera-llm/config/tsup';

export default build(['src/main.ts'], { dts: false });
