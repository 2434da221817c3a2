"""Answers inside a graph are those of a slow reading of BERT's procedure."""

import numpy as np
import pytest
import tensorflow as tf

from finetune.config import FinetuneConfig
from finetune.tasks import TASKS
from finetune.windows import windows
from serving.questions import signature
from tests.finetune.test_answers import SYLLABLES, by_hand


def test_answers_in_a_graph_are_those_of_the_procedure_by_hand(tokenizer):
    n_best, max_answer_length = 5, 8
    rng = np.random.default_rng(n_best)
    contexts = ["".join(rng.choice([*SYLLABLES, " ", "  "], size)) for size in (0, 1, 5, 12, 30, 60, 12, 40)]
    questions = [" ".join(rng.choice(SYLLABLES, rng.integers(0, 8))) for _ in contexts]
    found = windows(questions, contexts, np.arange(len(contexts)), None, tokenizer, 16, 5, 4)
    logits = rng.normal(size=(len(found.input_ids), 2)).astype(np.float32)
    config = FinetuneConfig(
        max_seq_length=16, doc_stride=5, max_query_length=4, n_best_size=n_best, max_answer_length=max_answer_length
    )
    answer = signature(TASKS["korquad"](config), tokenizer, lambda *_: tf.constant(logits), lambda hidden: hidden)
    got = tf.function(answer, [tf.TensorSpec([None], tf.string)] * 2, autograph=False)(
        tf.constant(questions), tf.constant(contexts)
    )
    got = {name: values.numpy() for name, values in got.items()}
    for number, (candidates, no_answer) in enumerate(by_hand(logits, found, contexts, n_best, max_answer_length)):
        count = got["counts"][number]
        texts = [text.decode() for text in got["answers"][number, :count]]
        places = zip(texts, got["begins"][number], got["ends"][number], strict=False)
        assert list(places) == [candidate[:3] for candidate in candidates]
        values = np.stack([got["scores"][number, :count], got["probabilities"][number, :count]], 1)
        np.testing.assert_allclose(values, np.reshape([candidate[3:] for candidate in candidates], (-1, 2)), atol=1e-5)
        best = got["answer"][number].decode(), got["begin"][number], got["end"][number]
        assert best == (candidates[0][:3] if candidates else ("", -1, -1))
        assert not candidates or got["no_answer"][number] == pytest.approx(no_answer, abs=1e-5)
    assert got["counts"].min() == 0 and got["counts"].max() == n_best
