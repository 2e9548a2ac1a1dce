import { build } from '@tessera-llm/config/tsup';

// The types name Symbol.dispose: a consumer's libraries may lack it.
export default build(['src/index.ts', 'src/testing.ts'], {
  dts: { banner: '/// <reference lib="esnext.disposable" preserve="true" />\n' },
});
