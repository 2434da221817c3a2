"""Contender: an epoch of `transformers`' Trainer, with dynamic padding, by length, and the fused AdamW."""

import os
import tempfile
import time

import torch
import transformers

from benchmarks import finetune_nsmc, machine
from benchmarks.contender import serve
from finetune.config import FinetuneConfig


def prepare(settings: dict, vocabulary: str, reviews: str, count: int):
    """A turn is an epoch, from text to the last step; returns its seconds."""
    torch.set_num_threads(machine.cores())
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as directory:
        tokenizer = _tokenizer(vocabulary, directory)
    rows = finetune_nsmc.rows(reviews, count)
    shape = FinetuneConfig(**settings).encoder(len(tokenizer))
    config = transformers.ElectraConfig(**{"num_labels": 2, "attn_implementation": "sdpa", **shape.to_dict()})
    model = transformers.ElectraForSequenceClassification(config)
    arguments = transformers.TrainingArguments(
        output_dir=tempfile.gettempdir(),
        num_train_epochs=1,
        learning_rate=settings["learning_rate"],
        per_device_train_batch_size=settings["train_batch_size"],
        train_sampling_strategy="group_by_length",
        optim="adamw_torch_fused",
        weight_decay=0.01,
        max_grad_norm=1.0,
        warmup_steps=0.1,
        use_cpu=True,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        disable_tqdm=True,
    )
    collator = transformers.DataCollatorWithPadding(tokenizer)

    def turn():
        begin = time.perf_counter()
        encoded = tokenizer([document for document, _ in rows], truncation=True, max_length=settings["max_seq_length"])
        data = [
            {"input_ids": ids, "token_type_ids": types, "attention_mask": mask, "labels": label}
            for ids, types, mask, (_, label) in zip(
                encoded["input_ids"], encoded["token_type_ids"], encoded["attention_mask"], rows, strict=True
            )
        ]
        transformers.Trainer(model, arguments, data_collator=collator, train_dataset=data).train()
        return time.perf_counter() - begin

    return turn


def _tokenizer(vocabulary, directory):
    """The vocabulary as a `BertTokenizerFast` that keeps Hangul whole, as ours does."""
    with (
        open(vocabulary, encoding="utf-8") as source,
        open(os.path.join(directory, "vocab.txt"), "w", encoding="utf-8") as target,
    ):
        target.write(source.read())
    return transformers.BertTokenizerFast.from_pretrained(directory, do_lower_case=False, strip_accents=False)


if __name__ == "__main__":
    serve(prepare)
