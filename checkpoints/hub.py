"""Models by their names on Hugging Face's hub, through its own library: its cache (HF_HOME), token (HF_TOKEN), mirror
(HF_ENDPOINT) and offline mode (HF_HUB_OFFLINE) are those of every program that uses it."""

import os
import re

from checkpoints.hugging_face import KERAS, PICKLED, WEIGHTS
from cli import InputError

_WEIGHTS = (WEIGHTS, PICKLED, KERAS)  # the first that a model has is read
# All that may stand beside them and is read here. Code, which a repository may hold too, is not fetched.
_BESIDE = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tokenizer.model",
    "tokenizer_78b3253a26.model",
)


def fetched(path: str) -> str:
    """Where a checkpoint is on this machine.

    Args:
        path: of a checkpoint, which is returned as it is; or, where there is no such path, NAMESPACE/NAME of a model on
            the hub, perhaps with @REVISION (a branch, a tag or a commit).

    Returns:
        for a name the folder in the hub's cache. It is fetched, and compared with the hub's checksums, where the
        cache has not got its newest version; without a connection the newest that the cache has is taken.

    Raises:
        InputError: there is no such model, its terms have not been accepted, it has no weights that can be read, what
            came is damaged, or there is neither a connection nor a copy.
    """
    found = re.fullmatch(r"([A-Za-z0-9][\w.-]*/[\w.-]+)(?:@([\w./-]+))?", path, re.ASCII)
    if not found or os.path.exists(path):
        return path
    from huggingface_hub.errors import (
        GatedRepoError,
        HTTPError,  # of the client that the library uses: no answer, or one that says no
        RepositoryNotFoundError,
        RevisionNotFoundError,
    )

    name, revision = found.groups()
    try:
        return _fetched(path, name, revision)
    except GatedRepoError:
        reason = f"on Hugging Face's hub, but its terms must be accepted: at {_page(name)}, then set HF_TOKEN"
    except RepositoryNotFoundError:
        reason = "no such folder, and no such model on Hugging Face's hub; if it is a private one, set HF_TOKEN"
    except RevisionNotFoundError:
        reason = f"on Hugging Face's hub there is {name}, but not its revision {revision}"
    except (HTTPError, OSError) as error:
        return _cached(path, name, revision, error)
    raise InputError(f"{path}: {reason}")


def _fetched(path, name, revision):
    from huggingface_hub import HfApi, snapshot_download, try_to_load_from_cache

    hub = HfApi()
    model = hub.model_info(name, revision=revision)
    there = {file.rfilename for file in model.siblings or ()}
    weights = next((weights for weights in _WEIGHTS if weights in there), None)
    if weights is None or "config.json" not in there:
        raise InputError(f"{path}: on Hugging Face's hub it has no config.json with {' or '.join(_WEIGHTS)}")
    is_new = not isinstance(try_to_load_from_cache(name, weights, revision=model.sha), str)
    folder = snapshot_download(name, revision=revision, allow_patterns=[*_BESIDE, weights])
    damaged = hub.verify_repo_checksums(name, revision=model.sha).mismatches if is_new else []
    for file in damaged:
        os.remove(os.path.realpath(os.path.join(folder, file["path"])))  # else it would count as fetched
    if damaged:
        raise InputError(
            "{}: {path} came damaged ({algorithm} {actual}, where the hub has {expected}) and was removed; run the "
            "same command again".format(path, **damaged[0])
        )
    return folder


def _cached(path, name, revision, error):
    """The newest copy in the cache, where the hub can't be reached."""
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import LocalEntryNotFoundError

    for weights in _WEIGHTS:
        try:
            folder = snapshot_download(
                name, revision=revision, allow_patterns=[*_BESIDE, weights], local_files_only=True
            )
        except (LocalEntryNotFoundError, OSError):
            continue
        if os.path.exists(os.path.join(folder, weights)):
            return folder
    reason = " ".join(str(error).split())[:100] or type(error).__name__
    raise InputError(
        f"{path}: no such folder, and Hugging Face's hub can't be reached ({reason}). Where it can be, run "
        f"`hf download {name} --local-dir {name.split('/')[1]}`, or save config.json, {WEIGHTS} or {PICKLED}, and the "
        f"tokenizer's files from {_page(name)}/tree/main; copy that folder here and name it in place of {path}"
    ) from None


def _page(name):
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{name}"
