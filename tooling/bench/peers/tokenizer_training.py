import time

from serve import serve


def open_(args):
    import tokenizers
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    def read(file):
        with open(file, encoding="utf8", newline="") as stream:
            return stream.read()

    texts = [read(file) for file in args["files"]]
    shared = {
        "vocab_size": args["vocabSize"],
        "special_tokens": list(args["specialTokens"]),
        "show_progress": False,
    }

    def made():
        if args["kind"] == "bpe":
            tokenizer = Tokenizer(models.BPE())
            tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            alphabet = pre_tokenizers.ByteLevel.alphabet()
            return tokenizer, trainers.BpeTrainer(initial_alphabet=alphabet, **shared)
        if args["kind"] == "wordpiece":
            tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
            tokenizer.normalizer = normalizers.BertNormalizer()
            tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
            return tokenizer, trainers.WordPieceTrainer(**shared)
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        return tokenizer, trainers.UnigramTrainer(unk_token="<unk>", **shared)

    def run():
        tokenizer, trainer = made()
        start = time.perf_counter()
        tokenizer.train_from_iterator(texts, trainer)
        return {"": time.perf_counter() - start}

    return f"HF tokenizers {tokenizers.__version__}", run


serve(open_)
