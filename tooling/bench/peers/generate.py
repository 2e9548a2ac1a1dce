import os
import time

from serve import serve


def open_(args):
    import torch
    import transformers

    dtype = getattr(torch, args["dtype"])
    path = args["folder"]
    place = {"gguf_file": os.path.basename(path)} if os.path.isfile(path) else {}
    folder = os.path.dirname(path) if place else path
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, **place).eval()
    generator = torch.Generator().manual_seed(0)
    shape = (args["streams"], args["promptTokens"])
    prompt = torch.randint(0, model.config.vocab_size, shape, generator=generator)

    # The loop that generate() runs for greedy search, without its checks between steps.
    @torch.inference_mode()
    def run():
        start = time.perf_counter()
        out = model(input_ids=prompt, use_cache=True, logits_to_keep=1)
        token = out.logits[:, -1].argmax(-1, keepdim=True)
        token.tolist()
        first = time.perf_counter()
        for _ in range(args["newTokens"] - 1):
            out = model(input_ids=token, past_key_values=out.past_key_values, use_cache=True)
            token = out.logits[:, -1].argmax(-1, keepdim=True)
            token.tolist()
        end = time.perf_counter()
        return {"prefill": first - start, "decode": end - first}

    return f"transformers {transformers.__version__} {args['dtype']}", run


serve(open_)
