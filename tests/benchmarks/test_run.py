"""The command: what it prints, what it writes, what becomes of a benchmark that fails."""

import json
import platform

import pytest

from benchmarks import machine, real_data, run
from benchmarks.table import Table
from cli import InputError


class _Benchmark:
    """As the modules are that `run.BENCHMARKS` names."""

    ROUNDS = 7

    def __init__(self, value=None, error=None):
        self.value, self.error = value, error

    def run(self, rounds, data, work):
        if self.error:
            raise self.error
        table = Table("things", ["", "s"], [["kolm", self.value], ["peer", 3.0]], raw={"rounds": rounds, "data": data})
        table.target("faster", 3.0 / self.value, at_least=2.0)
        return [table]


@pytest.fixture
def benchmarks(monkeypatch):
    """Two that succeed, the first short of its aim, after one whose data is missing and two that fail."""
    given = {
        "absent": _Benchmark(error=real_data.Missing("data/nsmc: not there")),
        "broken": _Benchmark(error=KeyError("metrics")),
        "ended": _Benchmark(error=RuntimeError("benchmarks.step_ours ended with status 1\nand more")),
        "slow": _Benchmark(2.0),
        "fast": _Benchmark(1.0),
    }
    monkeypatch.setattr(run, "BENCHMARKS", given)
    return given


def test_the_others_run_when_one_fails(benchmarks, tmp_path, capsys):
    output = tmp_path / "made" / "results.json"
    with pytest.raises(InputError) as raised:
        run.run(list(benchmarks), None, "data", str(tmp_path / "work"), str(output))
    assert str(raised.value) == (
        "failed: broken (KeyError: 'metrics'); ended (RuntimeError: benchmarks.step_ours ended with status 1); "
        "what they said is above"
    )
    printed, errors = capsys.readouterr()
    assert "left out: data/nsmc: not there" in printed and "Traceback" in errors
    assert printed.splitlines()[-2:] == ["left out: absent", "missed: slow: faster"]

    entries = json.loads(output.read_text(encoding="utf-8"))
    assert list(entries) == ["slow", "fast"]
    for name, entry in entries.items():
        assert entry["rounds"] == 7 and entry["seconds"] >= 0
        assert entry["machine"].keys() == machine.describe().keys()
        (table,) = entry["tables"]
        assert table["rows"] == [["kolm", benchmarks[name].value], ["peer", 3.0]]
        assert table["raw"] == {"rounds": 7, "data": "data"}


def test_each_table_stands_below_the_machine(benchmarks, tmp_path, capsys):
    run.run(["fast"], 1, "data", str(tmp_path), str(tmp_path / "results.json"))
    printed = capsys.readouterr().out
    here = machine.describe()
    assert printed.index(f"processor: {here['processor']}") < printed.index("things\n")
    assert f"cores: {machine.cores()}\n" in printed
    for package in ("tensorflow 2.", "torch 2.", "transformers 5.", "tokenizers 0."):
        assert package in next(line for line in printed.splitlines() if line.startswith("versions: "))
    assert "kolm  1.00" in printed and "met    faster: 3.00 (at least 2.00)" in printed


def test_entries_of_other_benchmarks_stay(benchmarks, tmp_path):
    output = str(tmp_path / "results.json")
    run.run(["slow", "fast"], 1, "data", str(tmp_path), output)
    benchmarks["slow"].value = 5.0
    run.run(["slow"], 2, "data", str(tmp_path), output)
    with open(output, encoding="utf-8") as file:
        entries = json.load(file)
    assert {name: (e["rounds"], e["tables"][0]["rows"][0][1]) for name, e in entries.items()} == {
        "slow": (2, 5.0),
        "fast": (1, 1.0),
    }


@pytest.mark.parametrize("content", ["", "[1]", '{"step": 1}', '{"accuracy": {"nsmc": 90}}'])
def test_another_file_is_not_written_over(content, benchmarks, tmp_path, capsys):
    path = tmp_path / "results.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InputError, match="results.json: not the results of benchmarks/run.py"):
        run.run(["fast"], 1, "data", str(tmp_path), str(path))
    assert path.read_text(encoding="utf-8") == content and not capsys.readouterr().out


def test_the_processor_is_named(monkeypatch, tmp_path):
    known = (
        "model name\t: Toy 3000\ncpu family\t: 25\nmodel\t\t: 17\ncpu MHz\t\t: 2600.5\nflags\t: sse avx2 avx512f\n\n"
    )
    named = "Toy 3000 (family 25, model 17, 2.6 GHz; avx2 avx512f)"
    monkeypatch.setattr(platform, "processor", lambda: "")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    for content, expected in ((known * 2, named), ("processor : 0\nCPU part : 0xd0c\n\n", "aarch64")):
        path = tmp_path / "cpuinfo"
        path.write_text(content, encoding="utf-8")
        assert machine.processor(str(path)) == expected
    assert machine.processor(str(tmp_path / "absent")) == "aarch64"


def test_command_fails_with_the_name(command, one_clear_line, tmp_path):
    done = command("benchmarks/run.py", "--benchmark", "steps", "--output", tmp_path / "results.json")
    one_clear_line(done, "--benchmark", "steps")
