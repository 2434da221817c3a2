"""Writing SavedModels that a server, or a process with TensorFlow and TF-Text alone, loads and asks."""

from collections.abc import Callable
from typing import TypeGuard

import tensorflow as tf
import tf_keras

from cli import InputError
from finetune.questions import QuestionTask
from finetune.task import Task
from finetune.words import WordTask
from modeling.encoder import Encoder
from serving import questions, sentences, words
from serving.packed import PackedEncoder
from vocab.sentence_piece import SentencePieceTokenizer
from vocab.tokenizer import GraphTokenizer, Tokenizer


class _Served(tf.Module):
    """What the functions of the signatures need to outlive them."""

    def __init__(self, encoder, tokenizer, head=None):
        super().__init__()
        self.encoder, self.tokenizer = encoder, getattr(tokenizer, "resources", None)
        self.head = list(head.variables) if head else []


def save(
    directory: str,
    tokenizer: Tokenizer,
    encoder: Encoder,
    max_seq_length: int,
    task: Task | None = None,
    head: tf_keras.layers.Layer | None = None,
) -> dict[str, list[str]]:
    """Writes a SavedModel with the signature `embedding` and, of a fine-tuned model, the task's.

    Args:
        directory: is made.
        tokenizer: of the model.
        encoder: its weights are copied.
        max_seq_length: tokens; longer text is cut for the embedding.
        task: of a fine-tuned model.
        head: of the task's model.

    Returns:
        signature -> its inputs; the first one is also `serving_default`.

    Raises:
        InputError: the tokenizer has no TensorFlow operations.
    """
    if not _works_in_graph(tokenizer, task):
        raise InputError(
            "the model's tokenizer does not work inside a TensorFlow graph: WordPiece does, SentencePiece "
            "except for answers; use --format huggingface"
        )
    packed = PackedEncoder(encoder)
    asked = {}
    if task is not None:
        name, make = _of_task(task)
        asked[name] = list(task.inputs), make(task, tokenizer, packed, head)
    asked["embedding"] = ["text"], sentences.embedding(tokenizer, packed, max_seq_length)
    module = _Served(packed, tokenizer, head)
    functions = {}
    for name, (inputs, function) in asked.items():
        signature = [tf.TensorSpec([None], tf.string, name=argument) for argument in inputs]
        functions[name] = tf.function(function, autograph=False).get_concrete_function(*signature)
    functions["serving_default"] = functions[next(iter(asked))]
    tf.saved_model.save(module, directory, signatures=functions)
    return {name: inputs for name, (inputs, _) in asked.items()}


def card(signatures: dict[str, list[str]], left_out: list[str]) -> list[str]:
    """Lines of a model card: what to ask, and how.

    Args:
        signatures: as `save` returns them.
        left_out: what the graph does not do, a sentence each.
    """
    name, inputs = next(iter(signatures.items()))
    arguments = ", ".join(f'{argument}=tf.constant(["…"])' for argument in inputs)
    return [
        "```python",
        "import tensorflow as tf",
        "import tensorflow_text  # its operations; TF Serving has them",
        "",
        f'model = tf.saved_model.load("…").signatures["{name}"]',
        f"print(model({arguments}))",
        "```",
        "",
        "Strings in UTF-8, `[batch]`, as many as you like; places are counted in characters.",
        "",
        "| signature | inputs |",
        "|---|---|",
        *(f"| `{name}` | {', '.join(f'`{argument}`' for argument in inputs)} |" for name, inputs in signatures.items()),
        "",
        *(line for sentence in left_out for line in (sentence, "")),
    ]


def left_out(task: Task, tokenizer: Tokenizer) -> list[str]:
    """What `finetune/predict.py` does and the SavedModel does not."""
    sentences = []
    if isinstance(task, QuestionTask) and task.config.trim_particles != "none":
        sentences.append(
            f"Particles at the end of answers are not taken off: trim_particles "
            f"{task.config.trim_particles} needs a morpheme analyser, which no TensorFlow graph has."
        )
    if isinstance(task, QuestionTask) and task.clean is not None:
        sentences.append(f"Pages are not cleaned of their tags, as {task.name} does before it reads them.")
    if isinstance(tokenizer, SentencePieceTokenizer):
        sentences.append(
            "TF-Text's SentencePiece may choose another of several equally probable cuts, in about one "
            "film review of 200."
        )
    return sentences


def _works_in_graph(tokenizer: Tokenizer, task: Task | None) -> TypeGuard[GraphTokenizer]:
    """Whether a tokenizer has the TensorFlow operations that a task asks for."""
    return hasattr(tokenizer, "tokenize_with_offsets" if isinstance(task, QuestionTask) else "tokenize")


def _of_task(task: Task) -> tuple[str, Callable]:
    if isinstance(task, WordTask):
        return "tagging", words.signature
    if isinstance(task, QuestionTask):
        return "question_answering", questions.signature
    return type(task.kind).__name__.lower(), sentences.signature
