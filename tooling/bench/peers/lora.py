import time

from serve import serve


def open_(args):
    import peft
    import torch
    import transformers

    dtype = getattr(torch, args["dtype"])
    base = transformers.AutoModelForCausalLM.from_pretrained(args["folder"], dtype=dtype)
    config = peft.LoraConfig(r=16, lora_alpha=32, target_modules="all-linear", task_type="CAUSAL_LM")
    model = peft.get_peft_model(base, config, autocast_adapter_dtype=False).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(trained, lr=1e-4, fused=True)
    ids = torch.randint(0, base.config.vocab_size, (args["batch"], args["length"]))

    def run():
        start = time.perf_counter()
        optimizer.zero_grad(set_to_none=True)
        loss = model(input_ids=ids, labels=ids, use_cache=False).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimizer.step()
        loss.item()
        return {"": time.perf_counter() - start}

    return f"PEFT {peft.__version__} {args['dtype']}", run


serve(open_)
