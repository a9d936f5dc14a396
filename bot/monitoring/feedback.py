"""Questions and votes on answers, stored without user ids in FEEDBACK_DIR."""

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
    """A question, or with `vote` a user's opinion of the quote that was shown.

    `day` is an ISO date. Records of earlier versions have no `certainty`.
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
        """The certainty of the answer, also for records of earlier versions."""
        return self.certainty or ("sure" if self.answered else "none")


_RECORD = TypeAdapter(FeedbackRecord)


class Feedback:
    """Appends records to one JSON Lines file a day. Several processes may write at once.

    Without a folder nothing is stored.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @property
    def is_on(self) -> bool:
        return self._folder is not None

    def record(self, question: str, answer: Answer, **fields: Any) -> None:
        """Store a record with today's date; `fields` are further fields of FeedbackRecord."""
        if self._folder is None:
            return
        # No time of day: compared with the chat, it would reveal who asked.
        today = datetime.now(UTC).date().isoformat()
        confidence = round(answer.confidence, 3)
        record = FeedbackRecord(
            today, question, answer.answered, confidence, certainty=answer.certainty, **fields
        )
        line = json.dumps(asdict(record), ensure_ascii=False) + "\n"
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with (self._folder / f"{today}.jsonl").open("ab", buffering=0) as file:
                file.write(line.encode("utf-8", "surrogatepass"))
        except OSError as error:
            _log.warning("FEEDBACK_DIR=%s: not writable (%s)", self._folder, error.strerror)


def read_records(folder: Path) -> Iterator[FeedbackRecord]:
    """Yield all records, oldest first; invalid lines are skipped."""
    for file in sorted(folder.glob("*.jsonl")):
        # Questions may contain characters, such as U+2028, at which `splitlines` would split.
        for line in file.read_text(encoding="utf-8", errors="replace").split("\n"):
            if not line:
                continue
            try:
                yield _RECORD.validate_json(line)
            except ValidationError:
                _log.warning("%s: skipped a line that is not a valid record", file)
