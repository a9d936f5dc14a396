"""An engine that runs in its own process, and requests to it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.memory import mapped_bytes, resident_bytes, track_peak
from benchmarks.peers.engine import Question

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class BuildCost:
    """The cost of building an index: seconds, and peak memory of all its processes in bytes."""

    seconds: float
    peak: int


@dataclass(frozen=True, slots=True)
class EngineProcess:
    """A running engine; a context manager that kills the process on exit."""

    name: str
    popen: subprocess.Popen[str]

    @classmethod
    def start(cls, name: str, python: Path) -> Self:
        command = [str(python), "-m", "benchmarks.peers", name]
        pipe = subprocess.PIPE
        return cls(name, subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True))  # noqa: S603 - our own module

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.popen.kill()
        self.popen.wait()

    def build(self, folder: Path, index_folder: Path) -> BuildCost:
        with track_peak(self.popen.pid) as peak:
            seconds = self._request(do="build", folder=str(folder), index_folder=str(index_folder))
        return BuildCost(seconds, peak.bytes)

    def open(self, folder: Path, index_folder: Path) -> float:
        """Open the saved index and return the seconds it took."""
        return float(self._request(do="open", folder=str(folder), index_folder=str(index_folder)))

    def search(self, questions: Sequence[Question], limit: int) -> list[float]:
        """Search for each question and return the seconds of each."""
        return list(self._request(do="search", questions=_to_json(questions), limit=limit))

    def best_paragraphs(self, questions: Sequence[Question], limit: int) -> list[list[str]]:
        """Return the best paragraphs for each question (only for our engine)."""
        return list(self._request(do="best_paragraphs", questions=_to_json(questions), limit=limit))

    def count_differing(self, questions: Sequence[Question], results: Sequence[Sequence[str]]) -> int:
        """Return for how many questions `results` are not the best paragraphs (only for rank-bm25)."""
        return int(self._request(do="count_differing", questions=_to_json(questions), results=results))

    def answer(self, questions: Sequence[Question]) -> list[float]:
        """Answer each question and return the seconds of each (only for our engine)."""
        return list(self._request(do="answer", questions=_to_json(questions)))

    def terms(self, texts: Sequence[str]) -> list[Question]:
        """Return questions with their terms (only for our engine)."""
        return [Question(text, tuple(terms)) for text, terms in self._request(do="terms", texts=texts)]

    @property
    def resident_bytes(self) -> int:
        """The resident memory of the engine in bytes."""
        return resident_bytes(self.popen.pid)

    @property
    def mapped_bytes(self) -> int:
        """The part of the resident memory that is pages of files, in bytes."""
        return mapped_bytes(self.popen.pid)

    def _request(self, **request: Any) -> Any:
        """Return the response to a request. Raises ChildProcessError if the engine ends; see its stderr."""
        if self.popen.stdin is None or self.popen.stdout is None:
            raise ChildProcessError(f"{self.name} has no pipes")
        try:
            self.popen.stdin.write(json.dumps(request) + "\n")
            self.popen.stdin.flush()
        except BrokenPipeError:
            raise ChildProcessError(f"{self.name} ended") from None
        if not (line := self.popen.stdout.readline()):
            raise ChildProcessError(f"{self.name} ended during {request['do']}")
        return json.loads(line)


def _to_json(questions: Sequence[Question]) -> list[tuple[str, tuple[str, ...]]]:
    return [(question.text, question.terms) for question in questions]
