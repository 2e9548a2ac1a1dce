import base64
import os
import time

from corpus import read
from serve import serve

PATTERNS = {
    "r50k_base": r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s""",
    "cl100k_base": r"""'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|\s++$|\s*[\r\n]|\s+(?!\S)|\s""",
}


def open_(args):
    import tiktoken

    name = args["encoding"]
    file = os.path.join(args["file"], "node_modules/gpt-tokenizer/data", f"{name}.tiktoken")
    with open(file) as lines:
        ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in lines if line.strip())}
    encoding = tiktoken.Encoding(name, pat_str=PATTERNS[name], mergeable_ranks=ranks, special_tokens={})
    text, other = read(args["text"])
    for _ in range(args["warmPasses"]):
        encoding.encode_ordinary(other)

    def run():
        start = time.perf_counter()
        # A list of Python's objects, and yet faster than `encode_to_numpy`.
        encoding.encode_ordinary(text)
        return {"": time.perf_counter() - start}

    return f"tiktoken {tiktoken.__version__}", run


serve(open_)
