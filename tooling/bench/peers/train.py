import contextlib
import time

from serve import serve


def open_(args):
    import torch
    import transformers

    torch.manual_seed(0)
    config = transformers.GPT2Config(resid_pdrop=0, embd_pdrop=0, attn_pdrop=0, use_cache=False)
    model = transformers.GPT2LMHeadModel(config).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, weight_decay=0.1, fused=True)
    forward = torch.compile(model) if args["compiled"] else model
    ids = torch.randint(0, config.vocab_size, (args["batch"], args["length"]))
    autocast = torch.autocast("cpu", torch.bfloat16) if args["autocast"] else contextlib.nullcontext()

    def run():
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        with autocast:
            loss = forward(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        loss.item()
        return {"": time.perf_counter() - start}

    mode = " ".join(word for word in ("autocast", "compiled") if args[word]) or "eager"
    return f"PyTorch {torch.__version__} {mode}", run


serve(open_)
