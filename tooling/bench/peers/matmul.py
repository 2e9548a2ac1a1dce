from serve import serve, timed


def open_(args):
    m, n, k = args["m"], args["n"], args["k"]
    if args["dtype"] == "float32":
        import numpy

        rng = numpy.random.default_rng(0)
        a = rng.standard_normal((m, k), dtype=numpy.float32)
        b = rng.standard_normal((k, n), dtype=numpy.float32)
        return f"NumPy {numpy.__version__} OpenBLAS", lambda: {"": timed(lambda: a @ b)}
    import torch

    a = torch.randn(m, k).to(torch.bfloat16)
    b = torch.randn(k, n).to(torch.bfloat16)
    return f"PyTorch {torch.__version__} oneDNN", lambda: {"": timed(lambda: a @ b)}


serve(open_)
