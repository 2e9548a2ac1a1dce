from serve import serve, timed


def open_(args):
    import torch
    from torch.nn.functional import scaled_dot_product_attention as attend

    dtype = getattr(torch, args["dtype"])
    backward = args["backward"]

    def operand(heads):
        x = torch.randn(args["batch"], heads, args["length"], args["dim"]).to(dtype)
        return x.requires_grad_(backward)

    q, k, v = operand(args["heads"]), operand(args["kvHeads"]), operand(args["kvHeads"])
    gy = torch.randn_like(q)
    grouped = args["heads"] != args["kvHeads"]

    def once():
        y = attend(q, k, v, is_causal=True, enable_gqa=grouped)
        if backward:
            torch.autograd.grad(y, (q, k, v), gy)

    return f"PyTorch {torch.__version__} SDPA", lambda: {"": timed(once)}


serve(open_)
