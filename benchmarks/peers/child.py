"""An engine in a process of its own, and requests to it."""

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
class Child:
    """A running engine. As a context manager it ends the process on exit."""

    name: str
    process: subprocess.Popen[str]

    @classmethod
    def start(cls, name: str, python: Path) -> Self:
        command = [str(python), "-m", "benchmarks.peers", name]
        pipe = subprocess.PIPE
        return cls(name, subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True))  # noqa: S603 - our own module

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def build(self, folder: Path, saved: Path) -> BuildCost:
        with track_peak(self.process.pid) as peak:
            seconds = self._ask(do="build", folder=str(folder), saved=str(saved))
        return BuildCost(seconds, peak.bytes)

    def open(self, folder: Path, saved: Path) -> float:
        """Open the saved index and return the seconds."""
        return float(self._ask(do="open", folder=str(folder), saved=str(saved)))

    def search(self, questions: Sequence[Question], limit: int) -> list[float]:
        """Search for each question and return the seconds of each."""
        return list(self._ask(do="search", questions=_plain(questions), limit=limit))

    def found(self, questions: Sequence[Question], limit: int) -> list[list[str]]:
        """Return the best paragraphs for each question (supported by ours only)."""
        return list(self._ask(do="found", questions=_plain(questions), limit=limit))

    def differing(self, questions: Sequence[Question], found: Sequence[Sequence[str]]) -> int:
        """Return the number of questions with other best paragraphs (supported by rank-bm25 only)."""
        return int(self._ask(do="differing", questions=_plain(questions), found=found))

    def answer(self, questions: Sequence[Question]) -> list[float]:
        """Answer each question and return the seconds of each (supported by ours only)."""
        return list(self._ask(do="answer", questions=_plain(questions)))

    def terms(self, texts: Sequence[str]) -> list[Question]:
        """Return questions with their terms (supported by ours only)."""
        return [Question(text, tuple(terms)) for text, terms in self._ask(do="terms", texts=texts)]

    @property
    def resident(self) -> int:
        """The resident memory of the engine in bytes."""
        return resident_bytes(self.process.pid)

    @property
    def mapped(self) -> int:
        """The part of it that is pages of files, in bytes."""
        return mapped_bytes(self.process.pid)

    def _ask(self, **request: Any) -> Any:
        """Return the response to a request. Raises ChildProcessError if the engine ends; see its stderr."""
        if self.process.stdin is None or self.process.stdout is None:
            raise ChildProcessError(f"{self.name} has no pipes")
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise ChildProcessError(f"{self.name} ended") from None
        if not (line := self.process.stdout.readline()):
            raise ChildProcessError(f"{self.name} ended during {request['do']}")
        return json.loads(line)


def _plain(questions: Sequence[Question]) -> list[tuple[str, tuple[str, ...]]]:
    return [(question.text, question.terms) for question in questions]
