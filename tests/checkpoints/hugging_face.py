"""Our weights in transformers' PyTorch models, and parameters that tell mistakes apart."""

import numpy as np
import torch
import transformers


def randomize(model, seed=0, scale=0.2):
    """Gives every variable random values: biases, LayerNorms and tables too, which start out flat."""
    rng = np.random.default_rng(seed)
    for variable in model.variables:
        values = rng.normal(size=variable.shape) * scale
        variable.assign(values + ("gamma" in variable.name))


def config(shape, kind):
    """The `ElectraConfig` or `BertConfig` of a `modeling.config.EncoderConfig`, without dropout."""
    ours_alone = {
        "position_offset",
        "shared_layers",
        "pooler_act",
        "pooler_input_dropout",
        "hidden_dropout_prob",
        "attention_probs_dropout_prob",
    }
    same = {name: value for name, value in shape.to_dict().items() if name not in ours_alone}
    if kind is transformers.BertConfig:
        assert same.pop("embedding_size") == same["hidden_size"]
    return kind(**same, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


def electra_generator(shape, encoder, head):
    """`ElectraForMaskedLM` with the weights of an `Encoder` and a `MaskedLMHead`."""
    model = transformers.ElectraForMaskedLM(config(shape, transformers.ElectraConfig)).eval()
    copy_encoder(encoder, model.electra)
    copy_dense(head.transform, model.generator_predictions.dense)
    copy_norm(head.layer_norm, model.generator_predictions.LayerNorm)
    copy(head.output_bias, model.generator_lm_head.bias)
    assert model.generator_lm_head.weight is model.electra.embeddings.word_embeddings.weight
    return model


def electra_discriminator(shape, encoder, head):
    """`ElectraForPreTraining` with the weights of an `Encoder` and a `DiscriminatorHead`."""
    model = transformers.ElectraForPreTraining(config(shape, transformers.ElectraConfig)).eval()
    copy_encoder(encoder, model.electra)
    copy_dense(head.dense, model.discriminator_predictions.dense)
    copy_dense(head.prediction, model.discriminator_predictions.dense_prediction)
    return model


def bert(shape, encoder, head, pooler, order_head):
    """`BertForPreTraining` with the weights of all parts of `pretrain.bert.Bert`."""
    model = transformers.BertForPreTraining(config(shape, transformers.BertConfig)).eval()
    copy_encoder(encoder, model.bert)
    copy_dense(head.transform, model.cls.predictions.transform.dense)
    copy_norm(head.layer_norm, model.cls.predictions.transform.LayerNorm)
    copy(head.output_bias, model.cls.predictions.decoder.bias)
    copy(head.output_bias, model.cls.predictions.bias)
    assert model.cls.predictions.decoder.weight is model.bert.embeddings.word_embeddings.weight
    copy_dense(pooler.dense, model.bert.pooler.dense)
    copy_dense(order_head, model.cls.seq_relationship)
    return model


def copy_encoder(encoder, theirs):
    """Copies an `Encoder` into an `ElectraModel` or `BertModel`; returns (variable, parameter) pairs."""
    tables = theirs.embeddings
    pairs = [
        copy(encoder.embeddings.word_embeddings, tables.word_embeddings.weight),
        copy(encoder.embeddings.position_embeddings, tables.position_embeddings.weight),
        copy(encoder.embeddings.token_type_embeddings, tables.token_type_embeddings.weight),
        *copy_norm(encoder.embeddings.layer_norm, tables.LayerNorm),
    ]
    if encoder.embeddings_project is not None:
        pairs += copy_dense(encoder.embeddings_project, theirs.embeddings_project)
    for ours, layer in zip(encoder.transformer_layers, theirs.encoder.layer, strict=True):
        for name in ("query", "key", "value"):
            pairs += copy_dense(getattr(ours, name), getattr(layer.attention.self, name))
        pairs += copy_dense(ours.attention_output, layer.attention.output.dense)
        pairs += copy_norm(ours.attention_norm, layer.attention.output.LayerNorm)
        pairs += copy_dense(ours.intermediate, layer.intermediate.dense)
        pairs += copy_dense(ours.output_dense, layer.output.dense)
        pairs += copy_norm(ours.output_norm, layer.output.LayerNorm)
    return pairs


def copy_dense(dense, linear):
    return [copy(dense.kernel, linear.weight, transpose=True), copy(dense.bias, linear.bias)]


def copy_norm(norm, layer_norm):
    return [copy(norm.gamma, layer_norm.weight), copy(norm.beta, layer_norm.bias)]


def copy(variable, parameter, transpose=False):
    values = torch.tensor(variable.numpy())
    with torch.no_grad():
        values = values.T if transpose else values
        assert parameter.shape == values.shape
        parameter.copy_(values)
    return variable, parameter, transpose


def inputs(batch, seq_len, vocab_size, seed=0):
    """(input_ids, token_type_ids, lengths, attention_mask) with padding and two segments, NumPy int64."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(seq_len // 2, seq_len + 1, batch)
    lengths[0] = seq_len
    mask = (np.arange(seq_len) < lengths[:, None]).astype(np.int64)
    input_ids = rng.integers(5, vocab_size, (batch, seq_len)) * mask
    types = (np.arange(seq_len) >= rng.integers(1, seq_len, batch)[:, None]).astype(np.int64) * mask
    return input_ids, types, lengths, mask
