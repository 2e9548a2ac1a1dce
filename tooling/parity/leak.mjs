import { TokenLoader, tokensFromArrays } from '@tessera-llm/data';
import { createModel } from '@tessera-llm/models';
import { AdamW } from '@tessera-llm/optimizers';
import { memory } from '@tessera-llm/tensor';
import { train } from '@tessera-llm/training';
const source = tokensFromArrays(Array.from({ length: 12 }, (_, d) => Array.from({ length: 40 }, (_, i) => (i * (d + 3) + d * d) % 61)),{ vocabSize: 61 });
const model = createModel({model_type:'llama',vocab_size:61,hidden_size:16,intermediate_size:24,num_hidden_layers:2,num_attention_heads:2,max_position_embeddings:32},{seed:3});
await train({model, loader:new TokenLoader(source,{batchSize:2,seqLen:16,seed:5}), optimizer:new AdamW(model.namedParameters(),{lr:5e-3}), steps:4000, onStep:({step})=>{ if(step%400===0){ if(globalThis.gc) gc(); const m=process.memoryUsage(); console.log(step,(m.rss/1e6).toFixed(1),(m.heapUsed/1e6).toFixed(1),(m.external/1e6).toFixed(1),(m.arrayBuffers/1e6).toFixed(1),memory().reservedBytes/1e6);} }});
