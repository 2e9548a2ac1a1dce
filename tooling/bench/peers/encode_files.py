import os
import time

from serve import serve

os.environ["TOKENIZERS_PARALLELISM"] = "false"


def open_(args):
    import tokenizers

    tokenizer = tokenizers.Tokenizer.from_file(args["tokenizer"])

    def read(file):
        with open(file, encoding="utf8", newline="") as stream:
            return stream.read()

    texts = [read(file) for file in args["files"]]

    def seconds_of(encode):
        start = time.perf_counter()
        for text in texts:
            encode(text)
        return time.perf_counter() - start

    def run():
        return {
            "ids": seconds_of(lambda text: tokenizer.encode_batch_fast([text])[0].ids),
            "offsets": seconds_of(lambda text: tokenizer.encode(text).offsets),
        }

    return f"HF tokenizers {tokenizers.__version__}", run


serve(open_)
