import time

from corpus import read
from serve import serve


def open_(args):
    import tokenizers
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    text, _ = read(args["text"])
    lines = text.split("\n")

    def run():
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        trainer = trainers.BpeTrainer(
            vocab_size=args["size"], show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
        )
        start = time.perf_counter()
        tokenizer.train_from_iterator(lines, trainer)
        return {"": time.perf_counter() - start}

    return f"HF tokenizers {tokenizers.__version__}", run


serve(open_)
