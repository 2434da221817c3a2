"""The two objectives in PyTorch: transformers' models with our weights, and losses written down anew."""

import numpy as np
import torch

from modeling.noise import Noise
from tests.checkpoints import hugging_face

SAMPLING = 1  # the noise stream of the generator's samples


class Electra(torch.nn.Module):
    """Generator and discriminator over one embedding table (Clark et al. 2020)."""

    def __init__(self, ours, config):
        super().__init__()
        self.config = config
        self.generator = hugging_face.electra_generator(config.generator(), ours.generator, ours.generator_head)
        self.discriminator = hugging_face.electra_discriminator(
            config.encoder(), ours.discriminator, ours.discriminator_head
        )
        self.generator.electra.embeddings = self.discriminator.electra.embeddings
        if not config.untied_generator:
            self.generator.electra = self.discriminator.electra
        self.generator.generator_lm_head.weight = self.discriminator.electra.embeddings.word_embeddings.weight

    def forward(self, batch, step=0):
        """(losses by name, measures by name) of a batch of `pretrain.batches`, as means."""
        config = self.config
        input_ids, real = numpy_of(batch, "input_ids"), real_tokens(batch)
        rows, columns = chosen_places(batch)
        labels = input_ids[rows, columns]

        logits = self.generator(torch.tensor(numpy_of(batch, "masked_ids")), **self._rest(batch)).logits[rows, columns]
        mlm_loss = torch.nn.functional.cross_entropy(logits, torch.tensor(labels))

        places = batch["masked_positions"].shape[1]
        uniforms = Noise(config.seed, SAMPLING, step).uniform([len(input_ids), places, 2]).numpy()
        sampled = draw(
            logits.detach().numpy(),
            labels,
            uniforms[numpy_of(batch, "masked_weights") > 0],
            config.temperature,
            config.disallow_correct,
        )
        corrupted = input_ids.copy()
        corrupted[rows, columns] = sampled
        replaced = corrupted != input_ids

        answers = self.discriminator(torch.tensor(corrupted), **self._rest(batch)).logits[real]
        truth = torch.tensor(replaced[real], dtype=torch.float32)
        disc_loss = torch.nn.functional.binary_cross_entropy_with_logits(answers, truth)
        return {"mlm": mlm_loss, "disc": disc_loss}, {
            "mlm_accuracy": (logits.detach().numpy().argmax(-1) == labels).mean(),
            **detection(answers.detach().numpy() > 0, replaced[real]),
        }

    def loss(self, losses):
        return self.config.gen_weight * losses["mlm"] + self.config.disc_weight * losses["disc"]

    @staticmethod
    def _rest(batch):
        return dict(
            token_type_ids=torch.tensor(numpy_of(batch, "token_type_ids")),
            attention_mask=torch.tensor(attention(batch)),
            position_ids=torch.tensor(numpy_of(batch, "position_ids")),
        )


class Bert(torch.nn.Module):
    """Masked LM and, where our model has it, sentence order."""

    def __init__(self, ours, config):
        super().__init__()
        self.config = config
        self.model = hugging_face.bert(config.encoder(), ours.encoder, ours.head, ours.pooler, ours.order_head)

    def forward(self, batch, step=0):
        """(losses by name, measures by name) of a batch of `pretrain.batches`, as means."""
        rows, columns = chosen_places(batch)
        labels, order = numpy_of(batch, "input_ids")[rows, columns], numpy_of(batch, "sentence_order")
        out = self.model(torch.tensor(numpy_of(batch, "masked_ids")), **Electra._rest(batch))
        logits, pairs = out.prediction_logits[rows, columns], order >= 0
        answers = out.seq_relationship_logits[pairs]
        # A batch without pairs has no such loss: 0, not a mean over nothing.
        order_loss = torch.nn.functional.cross_entropy(answers, torch.tensor(order[pairs]), reduction="sum")
        losses = {
            "mlm": torch.nn.functional.cross_entropy(logits, torch.tensor(labels)),
            "sentence_order": order_loss / max(pairs.sum(), 1),
        }
        right = answers.detach().numpy().argmax(-1) == order[pairs]
        return losses, {
            "mlm_accuracy": (logits.detach().numpy().argmax(-1) == labels).mean(),
            "sentence_order_accuracy": right.sum() / max(pairs.sum(), 1),
        }

    def loss(self, losses):
        return losses["mlm"] + losses["sentence_order"]


def draw(logits, labels, uniforms, temperature, disallow_correct, block=128):
    """A token of each row: first a block of the vocabulary, then an entry of it, each by inversion."""
    weights = np.exp((logits - logits.max(-1, keepdims=True)).astype(np.float64) / temperature)
    if disallow_correct:
        weights[np.arange(len(labels)), labels] = 0
    tokens = []
    for row, (first, second) in zip(weights, uniforms.astype(np.float64), strict=True):
        blocks = [row[start : start + block] for start in range(0, len(row), block)]
        at = invert([part.sum() for part in blocks], first)
        tokens.append(at * block + invert(blocks[at], second))
    return np.array(tokens)


def invert(weights, uniform):
    sums = np.cumsum(weights)
    return int(np.searchsorted(sums, uniform * sums[-1], side="right"))


def detection(said, truth):
    hits = (said & truth).sum()
    return {
        "disc_accuracy": (said == truth).mean(),
        "disc_precision": hits / max(said.sum(), 1),
        "disc_recall": hits / max(truth.sum(), 1),
        "replaced_share": truth.mean(),
    }


def numpy_of(batch, name):
    values = batch[name].numpy()
    return values.astype(np.int64) if values.dtype == np.int32 else values


def real_tokens(batch):
    return np.arange(batch["input_ids"].shape[1]) < numpy_of(batch, "lengths")[:, None]


def attention(batch, cls_id=2):
    """[batch, 1, seq_len, seq_len]: 0 where a token sees another, -1e9 elsewhere; of packed texts only its own."""
    ids, real = numpy_of(batch, "input_ids"), real_tokens(batch)
    result = np.full([len(ids), 1, ids.shape[1], ids.shape[1]], -1e9, np.float32)
    for row in range(len(ids)):
        text, texts = 0, []
        for token in ids[row]:
            text += token == cls_id
            texts.append(text)
        for place, own in enumerate(texts):
            result[row, 0, place, (np.array(texts) == own) & real[row]] = 0
    return result


def chosen_places(batch):
    """Rows and columns of the tokens to predict, row by row in the batch's order."""
    rows, places = np.nonzero(numpy_of(batch, "masked_weights"))
    return rows, numpy_of(batch, "masked_positions")[rows, places]


def without_decay(name):
    """Whether a PyTorch parameter is a bias or one of a LayerNorm."""
    return name.endswith("bias") or "LayerNorm" in name


def gradients(model, loss):
    """name -> gradient clipped to a global norm of 1; and the norm before."""
    model.zero_grad()
    loss.backward()
    grads = {name: parameter.grad for name, parameter in model.named_parameters() if parameter.grad is not None}
    norm = float(torch.sqrt(sum((grad.double() ** 2).sum() for grad in grads.values())))
    return {name: grad * min(1.0, 1.0 / norm) for name, grad in grads.items()}, norm


def learning_rate(config, step):
    """Up from 0 to what the line from the top down to 0 has at the end of the warm-up, then along it."""

    def line(at):
        return config.learning_rate * (1 - at / config.num_train_steps)

    warm_up = config.num_warmup_steps
    return line(warm_up) * step / warm_up if step < warm_up else line(step)
