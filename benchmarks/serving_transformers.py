"""Contender: `transformers`' text-classification pipeline on the CPU."""

import time

import torch
import transformers

from benchmarks import machine
from benchmarks.contender import serve
from benchmarks.serving import requests


def prepare(model: str, reviews: str, count: int, batch: int, max_seq_length: int):
    """A turn is all requests, one after another; returns its seconds and the labels."""
    torch.set_num_threads(machine.cores())
    transformers.logging.set_verbosity_error()
    loaded = transformers.AutoModelForSequenceClassification.from_pretrained(model, attn_implementation="sdpa")
    answer = transformers.pipeline(
        "text-classification",
        model=loaded,
        tokenizer=transformers.AutoTokenizer.from_pretrained(model),
        device="cpu",
        batch_size=batch,
        top_k=None,
    )
    texts = requests(reviews, count, batch)

    def turn():
        begin, labels = time.perf_counter(), []
        with torch.inference_mode():
            for text in texts:
                labels += [found[0]["label"] for found in answer(text, truncation=True, max_length=max_seq_length)]
        return {"seconds": time.perf_counter() - begin, "labels": labels}

    return turn


if __name__ == "__main__":
    serve(prepare)
