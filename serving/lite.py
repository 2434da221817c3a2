"""Writing TFLite models for phones: the token ids of one text in, probabilities or a score out.

Strings can't go in: TF-Text has kernels of its own for its normalizer and WordPiece, but the rule that a word of
more than 100 characters is unknown takes StaticRegexFullMatch, which has none. Everything
behind the tokenizer are TFLite's built-in operations.
"""

import os

import tensorflow as tf
import tf_keras

from cli import InputError
from files import write_atomically
from finetune.classification import Classification
from finetune.sentences import SentenceTask
from finetune.task import Task
from modeling.encoder import Encoder
from serving.packed import PackedEncoder
from vocab.tokenizer import Tokenizer
from vocab.wordpiece_tokenizer import WordPieceTokenizer

_FLOAT, _DYNAMIC = "model.tflite", "model-dynamic-range.tflite"


def save(directory: str, task: Task, tokenizer: Tokenizer, encoder: Encoder, head: tf_keras.layers.Layer) -> list[str]:
    """Writes the model in float32 and with its kernels in 8 bits, the tokenizer's files, and labels.txt.

    Returns:
        Lines of a model card.

    Raises:
        InputError: the task is not one of sentences.
    """
    if not isinstance(task, SentenceTask):
        raise InputError(
            f"{task.name}: only labels and scores of sentences are exported to TFLite; use --format savedmodel"
        )
    packed = PackedEncoder(encoder)
    output = "probabilities" if isinstance(task.kind, Classification) else "score"

    def answer(input_ids, token_type_ids):
        hidden = packed(input_ids, token_type_ids, tf.stack([0, tf.size(input_ids)]))
        logits = head(hidden[None])[0]
        return {output: tf.nn.softmax(logits) if output == "probabilities" else logits[0]}

    module = tf.Module()
    module.weights = [packed, *head.variables]
    function = tf.function(answer, autograph=False).get_concrete_function(
        *(tf.TensorSpec([None], tf.int32, name=name) for name in ("input_ids", "token_type_ids"))
    )
    tokenizer.save(directory)
    sizes = {}
    for name, optimizations in ((_FLOAT, []), (_DYNAMIC, [tf.lite.Optimize.DEFAULT])):
        converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
        converter.optimizations = optimizations
        content = converter.convert()
        write_atomically(os.path.join(directory, name), content)
        sizes[name] = len(content)
    if isinstance(task.kind, Classification):
        write_atomically(os.path.join(directory, "labels.txt"), "".join(label + "\n" for label in task.kind.labels))
    second = " [SEP]" * tokenizer.pair_separators + " second" if task.pair else ""
    how = (
        "as BERT does, in vocab.txt"
        if isinstance(tokenizer, WordPieceTokenizer)
        else f"by the tokenizer's files here ({type(tokenizer).__name__} of kolm)"
    )
    return [
        "```python",
        "import tensorflow as tf",
        "",
        f'runner = tf.lite.Interpreter("{_FLOAT}").get_signature_runner()',
        f'print(runner(input_ids=ids, token_type_ids=types)["{output}"])  # int32 arrays of one text',
        "```",
        "",
        f"The ids are those of `[CLS] text{second} [SEP]`, {how}, with the settings in tokenizer_config.json, at "
        f"most {task.config.max_seq_length}; the types are 1 in the second text, else 0. [CLS] is "
        f"{tokenizer.cls_id}, [SEP] {tokenizer.sep_id}.",
        "",
        "| file | bytes | |",
        "|---|---|---|",
        f"| `{_FLOAT}` | {sizes[_FLOAT]:,} | float32 |",
        f"| `{_DYNAMIC}` | {sizes[_DYNAMIC]:,} | kernels in 8 bits |",
        "",
    ]
