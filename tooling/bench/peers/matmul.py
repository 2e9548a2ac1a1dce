from serve import serve, timed


def open_(args):
    m, n, k = args["m"], args["n"], args["k"]
    # The product goes to memory that is there, as ours does: a large result of its own is fresh pages every time.
    if args["library"] == "numpy":
        import numpy

        rng = numpy.random.default_rng(0)
        a = rng.standard_normal((m, k), dtype=numpy.float32)
        b = rng.standard_normal((k, n), dtype=numpy.float32)
        c = numpy.empty((m, n), dtype=numpy.float32)
        return f"NumPy {numpy.__version__} OpenBLAS", lambda: {"": timed(lambda: numpy.matmul(a, b, out=c))}
    import torch

    dtype = getattr(torch, args["dtype"])
    a = torch.randn(m, k).to(dtype)
    b = torch.randn(k, n).to(dtype)
    c = torch.empty(m, n, dtype=dtype)
    return f"PyTorch {torch.__version__}", lambda: {"": timed(lambda: torch.matmul(a, b, out=c))}


serve(open_)
