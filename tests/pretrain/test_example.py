"""The made-up batch is like those of real records, and its step takes it."""

from pretrain import batches
from pretrain.example import example_batch


def test_the_example_batch_is_like_those_of_real_records(tiny, data, tokenizer):
    for values in (dict(), dict(objective="bert", ngram_max=3, whole_word_masking=True)):
        config = tiny(**values)
        made = example_batch(config)
        corpus = batches.Corpus.open(data, config.eval_examples)
        spec = batches.training_batches(corpus, config, tokenizer).element_spec
        assert {name: (tensor.shape, tensor.dtype) for name, tensor in made.items()} == {
            name: (part.shape, part.dtype) for name, part in spec.items()
        }
        for row in made["masked_positions"].numpy():
            assert len(set(row)) == len(row) and row.min() >= 0 and row.max() < 16
