"""An engine in a process of its own, driven from outside."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from benchmarks.memory import mapped, resident, watched
from benchmarks.peers.engine import Asked

if TYPE_CHECKING:
    from collections.abc import Sequence

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Built:
    """What making an index took: seconds, and the most bytes of all its processes at once."""

    seconds: float
    peak: int


@dataclass(frozen=True, slots=True)
class Child:
    """A running engine. Leaving it as a context ends the process."""

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

    def build(self, folder: Path, saved: Path) -> Built:
        with watched(self.process.pid) as peak:
            seconds = self._ask(do="build", folder=str(folder), saved=str(saved))
        return Built(seconds, peak.bytes)

    def open(self, folder: Path, saved: Path) -> float:
        """Open the saved index; gives the seconds."""
        return float(self._ask(do="open", folder=str(folder), saved=str(saved)))

    def search(self, questions: Sequence[Asked], limit: int) -> list[float]:
        """Search for each question; gives the seconds of each."""
        return list(self._ask(do="search", questions=_plain(questions), limit=limit))

    def found(self, questions: Sequence[Asked], limit: int) -> list[list[str]]:
        """Return the best paragraphs for each question (ours alone can)."""
        return list(self._ask(do="found", questions=_plain(questions), limit=limit))

    def differing(self, questions: Sequence[Asked], found: Sequence[Sequence[str]]) -> int:
        """Count the questions for which these are not the best paragraphs (rank-bm25 alone can)."""
        return int(self._ask(do="differing", questions=_plain(questions), found=found))

    def answer(self, questions: Sequence[Asked]) -> list[float]:
        """Answer each question (ours alone can); gives the seconds of each."""
        return list(self._ask(do="answer", questions=_plain(questions)))

    def terms(self, texts: Sequence[str]) -> list[Asked]:
        """Find the terms of questions (ours alone can)."""
        return [Asked(text, tuple(terms)) for text, terms in self._ask(do="terms", texts=texts)]

    @property
    def resident(self) -> int:
        """The bytes it holds now."""
        return resident(self.process.pid)

    @property
    def mapped(self) -> int:
        """The bytes of these that are pages of files."""
        return mapped(self.process.pid)

    def _ask(self, **request: Any) -> Any:
        """Raise ChildProcessError when the engine fails; why stands on standard error."""
        if self.process.stdin is None or self.process.stdout is None:
            raise ChildProcessError(f"{self.name} has no pipes")
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise ChildProcessError(f"{self.name} ended") from None
        if not (line := self.process.stdout.readline()):
            raise ChildProcessError(f"{self.name} ended while it was to {request['do']}")
        return json.loads(line)


def _plain(questions: Sequence[Asked]) -> list[tuple[str, tuple[str, ...]]]:
    return [(asked.text, asked.terms) for asked in questions]
