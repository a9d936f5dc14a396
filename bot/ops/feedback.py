"""What people asked and how they found the answers, in a folder of the operator's; who it was is not kept."""

import json
import logging
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from retrieval.model import Answer, Certainty

_log = logging.getLogger(__name__)

Vote = Literal["up", "down"]


@dataclass(frozen=True, slots=True)
class FeedbackRecord:
    """A question that was asked, or, with a vote, what somebody thought of the quote that was shown.

    The records of earlier versions have no `certainty`.
    """

    day: str
    question: str
    answered: bool
    confidence: float
    document: str = ""
    quote: str = ""
    vote: Vote | None = None
    certainty: Certainty | None = None

    @property
    def kind(self) -> Certainty:
        """Which kind of reply was given."""
        return self.certainty or ("sure" if self.answered else "none")


_RECORD = TypeAdapter(FeedbackRecord)


class Feedback:
    """One line a record, one file a day; several processes may write at once. Without a folder it is off."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def is_on(self) -> bool:
        return self._folder is not None

    def keep(self, question: str, found: Answer, **fields: Any) -> None:
        """Write down a record of today: what was asked, how sure the answer was, and other fields."""
        if self._folder is None:
            return
        # No time of day: it would tell, beside the chat, who asked.
        today = datetime.now(UTC).date().isoformat()
        confidence = round(found.confidence, 3)
        record = FeedbackRecord(
            today, question, found.answered, confidence, certainty=found.certainty, **fields
        )
        line = json.dumps(asdict(record), ensure_ascii=False) + "\n"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self._folder / f"{today}.jsonl").open("ab", buffering=0) as file:
                file.write(line.encode("utf-8", "surrogatepass"))
        except OSError as error:
            _log.warning("FEEDBACK_DIR=%s: cannot be written to (%s)", self._folder, error.strerror)


def records(folder: Path) -> Iterator[FeedbackRecord]:
    """Yield all records, oldest first; invalid lines are skipped."""
    for file in sorted(folder.glob("*.jsonl")):
        # Questions may hold signs that `splitlines` takes for the end of a line.
        for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
            if not line:
                continue
            try:
                yield _RECORD.validate_json(line)
            except ValidationError:
                _log.warning("%s: a line that is no record", file)
