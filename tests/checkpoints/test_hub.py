"""Models by name, from a server on this machine that speaks the hub's API."""

import hashlib
import http.server
import json
import threading

import huggingface_hub.constants
import numpy as np
import pytest
import safetensors.numpy
import torch

from checkpoints.hub import fetched
from checkpoints.opening import open_checkpoint
from cli import InputError

COMMIT, OTHER = "a" * 40, "b" * 40


class Hub(http.server.ThreadingHTTPServer):
    """Serves `models`: name -> revision -> (commit, {file: content}); an integer for the content is an error's status.

    Attributes:
        requests: (method, path, Authorization) of each.
        damaged: files that are sent with other bytes than the API says.
    """

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.models, self.requests, self.damaged = {}, [], set()
        self.url = f"http://127.0.0.1:{self.server_port}"
        threading.Thread(target=self.serve_forever, args=(0.01,), daemon=True).start()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_GET(self):
        self.answer()

    def do_HEAD(self):
        self.answer()

    def answer(self):
        path = self.path.split("?")[0]
        self.server.requests.append((self.command, path, self.headers.get("Authorization")))
        if path.startswith("/api/models/"):
            namespace, name, *rest = path.removeprefix("/api/models/").split("/")
            revision = rest[1] if len(rest) > 1 else "main"
        elif "/resolve/" in path:
            namespace, name, _, revision, *_ = path[1:].split("/")
        else:
            return self.send(404, b"{}")
        model = self.server.models.get(f"{namespace}/{name}")
        if model == "gated":
            return self.send(403, b"{}", {"X-Error-Code": "GatedRepo"})
        if model is None:
            return self.send(404, b"{}", {"X-Error-Code": "RepoNotFound"})
        found = model.get(revision) or next((one for one in model.values() if one[0] == revision), None)
        if found is None:
            return self.send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        commit, files = found
        if not path.startswith("/api/"):
            file = path.split("/", 5)[-1]
            content = files[file]
            sent = bytes(len(content)) if file in self.server.damaged else content
            return self.send(200, sent, {"ETag": f'"{sha(content)}"', "X-Repo-Commit": commit})
        if "tree" in path:
            entries = [{"type": "file", "path": file, **described(content)} for file, content in files.items()]
            return self.send(200, json.dumps(entries).encode())
        siblings = [{"rfilename": file} for file in files]
        return self.send(200, json.dumps({"id": f"{namespace}/{name}", "sha": commit, "siblings": siblings}).encode())

    def send(self, status, content, headers=()):
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for key, value in dict(headers).items():
            self.send_header(key, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)


def sha(content):
    return hashlib.sha256(content).hexdigest()


def described(content):
    """Size and checksums: of small files git's own, of weights SHA-256 as Git LFS has it."""
    git = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()
    lfs = {"lfs": {"oid": sha(content), "size": len(content), "pointerSize": 130}} if len(content) > 500 else {}
    return {"oid": git, "size": len(content), **lfs}


@pytest.fixture
def hub(tmp_path, monkeypatch):
    server = Hub()
    monkeypatch.chdir(tmp_path)
    for name, value in (
        ("ENDPOINT", server.url),
        ("HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"),
        ("HF_HUB_CACHE", str(tmp_path / "cache")),
        ("HF_HUB_OFFLINE", False),
        ("HF_TOKEN_PATH", str(tmp_path / "token")),
    ):
        monkeypatch.setattr(huggingface_hub.constants, name, value)
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield server
    server.shutdown()
    server.server_close()


CONFIG = {
    "model_type": "electra",
    "vocab_size": 7,
    "embedding_size": 4,
    "hidden_size": 4,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 8,
    "max_position_embeddings": 16,
}


def files(value=1.0, **others):
    tensors = {"electra.embeddings.word_embeddings.weight": np.full((50, 4), value, np.float32)}
    return {
        "config.json": json.dumps(CONFIG).encode(),
        "vocab.txt": b"[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\nb\n",
        "model.safetensors": safetensors.numpy.save(tensors),
        "modeling.py": b"raise SystemExit",
        "README.md": b"a model",
        **others,
    }


def read_value(folder):
    return open_checkpoint(folder).tensors["embeddings.word_embeddings.weight"][0, 0]


def test_a_name_is_the_folder_of_its_files_and_is_fetched_once(hub):
    hub.models["korean/small"] = {"main": (COMMIT, files())}
    folder = fetched("korean/small")
    assert read_value(folder) == 1
    sent = sorted(path.rsplit("/", 1)[1] for method, path, _ in hub.requests if method == "GET" and "resolve" in path)
    assert sent == ["config.json", "model.safetensors", "vocab.txt"]  # neither code nor what is for people
    hub.requests.clear()
    assert fetched("korean/small") == folder
    assert not [path for method, path, _ in hub.requests if method == "GET" and "resolve" in path]


def test_a_newer_version_is_fetched_and_a_revision_is_that_one(hub):
    hub.models["korean/small"] = {"main": (COMMIT, files(1))}
    first = fetched("korean/small")
    hub.models["korean/small"] = {"main": (OTHER, files(2)), "v1": (COMMIT, files(1))}
    assert read_value(fetched("korean/small")) == 2
    assert fetched("korean/small@v1") == fetched(f"korean/small@{COMMIT}") == first and read_value(first) == 1


def test_weights_are_the_first_of_the_files_that_may_hold_them(hub, tmp_path):
    torch.save({"electra.embeddings.word_embeddings.weight": torch.full((50, 4), 3.0)}, tmp_path / "made")
    pickled = {"pytorch_model.bin": (tmp_path / "made").read_bytes()}
    both = files(2, **pickled)
    alone = {name: content for name, content in both.items() if name != "model.safetensors"}
    hub.models |= {"korean/both": {"main": (COMMIT, both)}, "korean/pickled": {"main": (COMMIT, alone)}}
    assert [read_value(fetched(f"korean/{name}")) for name in ("both", "pickled")] == [2, 3]
    assert "/korean/both/resolve/" + COMMIT + "/pytorch_model.bin" not in [path for _, path, _ in hub.requests]


def test_without_a_connection_the_newest_copy_is_taken_or_the_error_says_what_to_copy(hub, monkeypatch):
    hub.models["korean/small"] = {"main": (COMMIT, files())}
    folder = fetched("korean/small")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    assert fetched("korean/small") == folder
    with pytest.raises(InputError) as caught:
        fetched("korean/other")
    said = str(caught.value)
    assert said.startswith("korean/other: no such folder, and Hugging Face's hub can't be reached")
    assert "hf download korean/other --local-dir other" in said and "pytorch_model.bin" in said and "\n" not in said


def test_the_token_is_sent(hub, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    hub.models["korean/small"] = {"main": (COMMIT, files())}
    fetched("korean/small")
    assert {token for _, _, token in hub.requests} == {"Bearer hf_secret"}


def test_what_comes_damaged_is_said_removed_and_fetched_again(hub):
    hub.models["korean/small"] = {"main": (COMMIT, files())}
    hub.damaged.add("model.safetensors")
    with pytest.raises(InputError, match=r"korean/small: model\.safetensors came damaged \(sha256 .* removed"):
        fetched("korean/small")
    hub.damaged.clear()
    assert read_value(fetched("korean/small")) == 1


@pytest.mark.parametrize(
    "name, said",
    [
        (
            "korean/absent",
            "no such folder, and no such model on Hugging Face's hub; if it is a private one, set HF_TOKEN",
        ),
        ("korean/gated", "its terms must be accepted"),
        ("korean/small@v9", "there is korean/small, but not its revision v9"),
        ("korean/empty", "no config.json with model.safetensors or pytorch_model.bin"),
    ],
)
def test_what_cannot_be_had_is_one_line(name, said, hub):
    hub.models |= {
        "korean/gated": "gated",
        "korean/small": {"main": (COMMIT, files())},
        "korean/empty": {"main": (COMMIT, {"README.md": b"soon"})},
    }
    with pytest.raises(InputError) as caught:
        fetched(name)
    assert str(caught.value).startswith(f"{name}: ") and said in str(caught.value) and "\n" not in str(caught.value)


def test_paths_are_left_alone(hub, tmp_path):
    (tmp_path / "runs" / "model").mkdir(parents=True)
    for path in (
        "runs/model",
        "runs/model/",
        "/runs/model",
        "gs://bucket/model",
        "a/b/c",
        "model",
        "../model",
        "runs/모델",
    ):
        assert fetched(path) == path
    assert not hub.requests
