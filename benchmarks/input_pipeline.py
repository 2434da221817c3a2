"""The training input pipeline alone, on one core: records to masked batches."""

import os
import statistics
import time
from collections.abc import Sequence

from benchmarks import real_data
from benchmarks.contender import Contender, serve
from benchmarks.table import Table

ROUNDS = 3


def run(rounds: int, data: str, work: str, lengths: Sequence[int] = (128, 512), batch_size: int = 128) -> list[Table]:
    """One table, a row for each of `lengths`."""
    vocabulary = real_data.vocabulary(data)
    table = Table(
        "Input pipeline, n-gram whole-word masking (ngram_max 3), one core",
        ["sequence length", "tokens/s", "slowest", "tokens an epoch", "CPU s a wall s"],
    )
    core = {min(os.sched_getaffinity(0))}
    for length in lengths:
        directory = os.path.join(work, f"records-{length}")
        real_data.build_records(data, directory, length)
        arguments = {
            "records": os.path.abspath(directory),
            "vocabulary": vocabulary,
            "length": length,
            "batch_size": batch_size,
            "epochs": rounds,
        }
        with Contender("benchmarks.input_pipeline", arguments, core) as contender:
            epochs = contender.first["turn"]
        rates = [epoch["tokens"] / epoch["seconds"] for epoch in epochs]
        busy = statistics.median(epoch["cpu"] / epoch["seconds"] for epoch in epochs)
        table.rows.append([str(length), statistics.median(rates), min(rates), epochs[0]["tokens"], busy])
        table.target(f"tokens/s at length {length}", statistics.median(rates), at_least=600e3)
        table.raw[str(length)] = epochs
    table.notes = [
        f"Medians of {rounds} epochs of the reviews, read one after another after an epoch of warm-up; reading, "
        "parsing, shuffling and masking included.",
        "The process is bound to one core before it imports anything (CPU seconds a wall second can't be over 1). "
        "A TPU v3-8 trains KoELECTRA-Small at about 300,000 tokens/s.",
    ]
    return [table]


def prepare(records: str, vocabulary: str, length: int, batch_size: int, epochs: int):
    """A turn reads `epochs` epochs without a pause; returns tokens, seconds and CPU seconds of each."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    from pretrain import batches
    from pretrain.config import PretrainConfig
    from vocab.wordpiece_tokenizer import WordPieceTokenizer

    tokenizer = WordPieceTokenizer.load(vocabulary)
    config = PretrainConfig(
        vocab_size=tokenizer.vocab_size,
        max_seq_length=length,
        ngram_max=3,
        whole_word_masking=True,
        train_batch_size=batch_size,
    ).resolved()
    corpus = batches.Corpus.open(records, 0, tokenizer.fingerprint, length)
    options = tf.data.Options()
    options.threading.private_threadpool_size = 1
    dataset = batches.training_batches(corpus, config, tokenizer).with_options(options)
    steps = corpus.training_examples // config.train_batch_size

    def turn():
        stream, measured = iter(dataset), []
        for _ in range(1 + epochs):
            begin, cpu, tokens = time.perf_counter(), time.process_time(), 0
            for _ in range(steps):
                tokens += int(next(stream)["lengths"].numpy().sum())
            measured.append(
                {"tokens": tokens, "seconds": time.perf_counter() - begin, "cpu": time.process_time() - cpu}
            )
        return measured[1:]

    return turn


if __name__ == "__main__":
    serve(prepare)
