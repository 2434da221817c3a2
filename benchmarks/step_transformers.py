"""Contender: the same step in PyTorch with the models of `transformers`, written for speed on a CPU.

Only the masked positions go through the vocabulary projection; attention is PyTorch's own
(`scaled_dot_product_attention`); AdamW is the fused one; the generator samples with two uniform
numbers a row from the probabilities that the loss computes anyway, as ours does, which is much
faster than noise for each of the vocabulary's entries.
"""

import contextlib
import time

import torch
from torch.nn import functional
from transformers import ElectraConfig, ElectraForMaskedLM, ElectraForPreTraining

from benchmarks import machine
from benchmarks.contender import serve
from benchmarks.electra_small import resolved
from settings import filled

_SAMPLE_BLOCK = 128


def prepare(settings: dict, masked_places: int, steps: int):
    """A turn is `steps` training steps; returns the seconds of each."""
    torch.set_num_threads(machine.cores())
    torch.manual_seed(1)
    config = resolved(settings)
    generator = ElectraForMaskedLM(_hugging_face(config.generator()))
    discriminator = ElectraForPreTraining(_hugging_face(config.encoder()))
    discriminator.electra.embeddings = generator.electra.embeddings
    generator.tie_weights()
    model = torch.nn.ModuleList([generator, discriminator]).train()
    optimizer = torch.optim.AdamW(
        _groups(model, config.weight_decay_rate), lr=config.learning_rate, eps=config.adam_epsilon, fused=True
    )
    total, warm_up = config.num_train_steps, filled(config.num_warmup_steps)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(step / warm_up, 1.0) * (1 - step / total))
    batch = example_batch(config, masked_places)
    parameters = list(model.parameters())
    autocast = torch.autocast("cpu", torch.bfloat16) if config.precision == "bfloat16" else contextlib.nullcontext()

    def training_step():
        with autocast:
            loss, measures = forward(generator, discriminator, batch, config.disc_weight)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        return loss, norm, measures

    def turn():
        seconds = []
        for _ in range(steps):
            begin = time.perf_counter()
            training_step()[0].item()
            seconds.append(time.perf_counter() - begin)
        return seconds

    return turn


def forward(generator, discriminator, batch, disc_weight):
    """The loss, and the measures that ours reports too."""
    input_ids, weights = batch["input_ids"], batch["weights"]
    inputs = {"attention_mask": batch["attention_mask"], "token_type_ids": batch["token_type_ids"]}
    hidden = generator.electra(batch["masked_ids"], **inputs).last_hidden_state.flatten(0, 1)
    gathered = hidden.index_select(0, batch["flat_positions"])
    logits = generator.generator_lm_head(generator.generator_predictions(gathered))
    log_probs = functional.log_softmax(logits.float(), -1)
    mlm_loss = functional.nll_loss(log_probs, batch["labels"], reduction="none")
    mlm_loss = (mlm_loss * weights).sum() / weights.sum()

    with torch.no_grad():
        sampled = sample(log_probs.exp(), torch.rand(len(gathered), 2))
        sampled = torch.where(weights > 0, sampled, batch["labels"])
        corrupted = input_ids.flatten().index_copy(0, batch["flat_positions"], sampled).view_as(input_ids)
        truth = (corrupted != input_ids).float()
    hidden = discriminator.electra(corrupted, **inputs).last_hidden_state
    replaced = discriminator.discriminator_predictions(hidden).float()
    real = batch["attention_mask"].float()
    disc_loss = functional.binary_cross_entropy_with_logits(replaced, truth, weight=real, reduction="sum") / real.sum()

    with torch.no_grad():
        said = (replaced > 0).float() * real
        hits = (said * truth).sum()
        right = (log_probs.max(-1).values == log_probs.gather(1, batch["labels"][:, None])[:, 0]).float()
        measures = [(right * weights).sum(), ((said == truth).float() * real).sum(), hits, said.sum(), truth.sum()]
    return mlm_loss + disc_weight * disc_loss, measures


def sample(probs, uniforms):
    """int64 `[n]`, drawn from `[n, vocab_size]`: a block of the vocabulary first, then an entry of it."""
    blocks = probs.view(len(probs), -1, _SAMPLE_BLOCK)
    block = _draw(blocks.sum(-1), uniforms[:, :1])
    inside = blocks[torch.arange(len(probs)), block]
    return block * _SAMPLE_BLOCK + _draw(inside, uniforms[:, 1:])


def _draw(weights, uniform):
    sums = weights.cumsum(-1)
    return (sums <= uniform * sums[:, -1:]).sum(-1).clamp(max=weights.shape[1] - 1)


def example_batch(config, masked_places: int) -> dict:
    """Random tokens of the shapes of `pretrain.example.example_batch`."""
    size, seq_len, places = config.train_batch_size, config.max_seq_length, masked_places
    input_ids = torch.randint(5, config.vocab_size, (size, seq_len))
    positions = torch.rand(size, seq_len).argsort(1)[:, :places]
    flat = (torch.arange(size)[:, None] * seq_len + positions).flatten()
    return {
        "input_ids": input_ids,
        "masked_ids": input_ids,
        "token_type_ids": torch.zeros_like(input_ids),
        "attention_mask": torch.ones_like(input_ids),
        "flat_positions": flat,
        "labels": input_ids.flatten()[flat],
        "weights": (torch.arange(places) < round(config.mask_prob * seq_len)).float().repeat(size),
    }


def _hugging_face(shape):
    return ElectraConfig(**shape.to_dict(), attn_implementation="sdpa")


def _groups(model, decay):
    """Matrices decay, biases and LayerNorms do not."""
    parameters = list(model.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": decay},
        {"params": [p for p in parameters if p.ndim == 1], "weight_decay": 0.0},
    ]


if __name__ == "__main__":
    serve(prepare)
