"""The command `verbatim` with an encoder: the vectors it computes, and what it prints about them."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from bot.cli import commands, indexing
from retrieval.embeddings.encoder import Vectors, is_installed
from retrieval.embeddings.vector_store import VectorStore
from tests import prefork
from tests.retrieval.fake_encoder import BrokenEncoder, FakeEncoder

pytestmark = pytest.mark.slow

TEXT = "Room {0}\n\nThe library opens at {0} in room {0}.\n"
QUESTION = "When does the library open in room 7?"

# One line for `eval`.
CASE = '{"question": "When does the library open in room 7?", "answers": ["at 7"]}'
COMMANDS = pytest.mark.parametrize("command", [("ask", QUESTION), ("chat",), ("eval", "questions.jsonl")])

Calling = Callable[..., Result]


class Interrupted(FakeEncoder):
    """Raises KeyboardInterrupt after some calls: a batch takes one for wholes and one for pieces."""

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.left = calls

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        if not self.left:
            raise KeyboardInterrupt
        self.left -= 1
        return super().encode_passages(texts)


@pytest.fixture
def docs(tmp_path: Path) -> Path:
    folder = tmp_path / "docs"
    folder.mkdir()
    for number in range(12):
        (folder / f"{number}.txt").write_text(TEXT.format(number))
        os.utime(folder / f"{number}.txt", (1e9, 1e9))
    return folder


@pytest.fixture
def verbatim(tmp_path: Path, docs: Path, monkeypatch: pytest.MonkeyPatch) -> Calling:
    """Return a function that runs a command in this process with a given encoder."""
    monkeypatch.chdir(tmp_path)
    Path("questions.jsonl").write_text(CASE)
    monkeypatch.setattr("config.logging.configure", lambda *_: None)
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    monkeypatch.setenv("INDEX_DIR", str(tmp_path / "index"))

    def call(encoder: FakeEncoder | None, command: str, *arguments: str) -> Result:
        monkeypatch.setattr(indexing, "encoder_for", lambda _: encoder)
        monkeypatch.setattr(indexing, "encoder_for", lambda _: encoder)
        return CliRunner().invoke(commands.main, [command, "--docs", str(docs), *arguments])

    return call


@COMMANDS
def test_few_missing_vectors_are_computed_first(verbatim: Calling, command: tuple[str, ...]) -> None:
    """A few missing vectors are computed silently, and saved."""
    first, second = FakeEncoder(), FakeEncoder()
    told, again = verbatim(first, *command), verbatim(second, *command)
    assert (0, "", 0, "") == (told.exit_code, told.stderr, again.exit_code, again.stderr)
    assert len(first.texts) >= 12
    assert [] == second.texts


@COMMANDS
def test_many_missing_vectors_are_not_computed(
    verbatim: Calling, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """If many vectors are missing, one line says how to compute them, and questions are answered without."""
    monkeypatch.setattr(indexing, "_MAX_VECTORS_BEFORE_ANSWERS", 11)
    encoder = FakeEncoder()
    told = verbatim(encoder, *command)
    (line,) = told.stderr.splitlines()
    assert line.endswith(
        " texts have no vector yet, so answers are found by words alone for now; `verbatim index` makes them"
    )
    assert (0, []) == (told.exit_code, encoder.texts)


@COMMANDS
def test_a_wait_for_vectors_is_announced(
    verbatim: Calling, monkeypatch: pytest.MonkeyPatch, command: tuple[str, ...]
) -> None:
    """Where no progress bar can be seen, a line says that vectors are made, once, and how long that takes."""
    monkeypatch.setattr(indexing, "_MIN_VECTORS_ANNOUNCED", 12)
    monkeypatch.setattr(indexing, "_VECTORS_PER_MINUTE", 6)
    told, again = verbatim(FakeEncoder(), *command), verbatim(FakeEncoder(), *command)
    (line,) = told.stderr.splitlines()
    assert line.startswith("encoding ")
    assert line.endswith(" passages and sentences, once; this takes about 4 minutes")
    assert "" == again.stderr


def test_the_limit_of_few() -> None:
    """At most 20,000 vectors are computed before the first question."""
    assert 20_000 == indexing._MAX_VECTORS_BEFORE_ANSWERS


def test_index_computes_all_vectors(verbatim: Calling, monkeypatch: pytest.MonkeyPatch) -> None:
    """`index` computes all vectors, however many, and keeps those of unchanged texts."""
    monkeypatch.setattr(indexing, "_MAX_VECTORS_BEFORE_ANSWERS", 0)
    encoder, other = FakeEncoder(), FakeEncoder()
    told = verbatim(encoder, "index")
    texts = len(encoder.texts)
    assert [
        "12 documents, 12 passages in en",
        f"{texts} of {texts} texts have vectors, {texts} of them new",
    ] == told.stdout.splitlines()
    again = verbatim(other, "index")
    assert f"{texts} of {texts} texts have vectors, 0 of them new" == again.stdout.splitlines()[1]
    assert ([], "", 0) == (other.texts, again.stderr, again.exit_code)


def test_index_that_is_interrupted(verbatim: Calling) -> None:
    """Ctrl-C keeps the vectors that were made, says how many, and the next run continues there."""
    encoder, other = Interrupted(2), FakeEncoder()
    told = verbatim(encoder, "index")
    assert 130 == told.exit_code
    line = told.stdout.splitlines()[1]
    assert line.startswith("16 of ")
    assert line.endswith(" texts have vectors, 16 of them new; `verbatim index` encodes the rest")
    verbatim(other, "index")
    assert f"16 of {len(encoder.texts) + len(other.texts)} texts" in line
    assert not {*encoder.texts} & {*other.texts}


def test_index_that_cannot_save_vectors(
    verbatim: Calling, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`index` fails if the disk is full when it saves vectors; the next run computes them again."""

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    encoder, other = FakeEncoder(), FakeEncoder()
    with monkeypatch.context() as disk:
        disk.setattr(VectorStore, "_append_to_file", full)
        told = verbatim(encoder, "index")
    assert 1 == told.exit_code
    assert told.stderr.endswith(
        f"verbatim: INDEX_DIR={tmp_path / 'index'}: vectors are not saved; `verbatim index` tries again\n"
    )
    assert 0 == verbatim(other, "index").exit_code
    assert sorted(encoder.texts) == sorted(other.texts)


def test_an_encoder_that_cannot_be_loaded(verbatim: Calling) -> None:
    """Without a working encoder, answers are found by words and the index has no vectors."""
    asked = verbatim(BrokenEncoder(), "ask", QUESTION)
    assert (verbatim(None, "ask", QUESTION).stdout, "") == (asked.stdout, asked.stderr)
    told = verbatim(BrokenEncoder(), "index")
    assert 0 == told.exit_code
    assert told.stdout.splitlines()[1].startswith("0 of ")


def test_without_an_encoder_vectors_are_not_mentioned(verbatim: Calling) -> None:
    """Without an encoder, `index` prints the counts of documents and passages only."""
    assert ["12 documents, 12 passages in en"] == verbatim(None, "index").stdout.splitlines()


@pytest.mark.skipif(not is_installed(), reason="no encoder is installed")
@pytest.mark.parametrize("value", ["auto", "off"])
def test_the_setting(tmp_path: Path, docs: Path, value: str) -> None:
    """With MEANING=auto there are vectors, which `check` counts; with `off` there are none."""
    bare = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME"}}

    def call(*arguments: str) -> tuple[str, str]:
        """Run a command, and return what it prints on stdout and stderr."""
        done = prefork.run(
            "bot.cli",
            [*arguments, "--docs", str(docs)],
            cwd=tmp_path,
            env=bare | {"INDEX_DIR": str(tmp_path / "index"), "MEANING": value},
            typed=b"",
            timeout=60,
        )
        return done.stdout.decode(), done.stderr.decode()

    answer, errors = call("ask", QUESTION)
    assert ("", True) == (errors, answer.startswith("The library opens at 7 in room 7."))
    assert (value == "auto") is bool(list((tmp_path / "index").glob("*/vectors.bin")))
    (line,) = (line for line in call("check")[0].splitlines() if " meaning: " in line)
    if value == "off":
        assert "note meaning: MEANING=off: answers are found by words alone" == line
    else:
        assert line.startswith("ok   meaning: ")
        assert line.endswith(" texts have vectors")
