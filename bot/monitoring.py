"""What operators see of a running bot: metrics for Prometheus, and feedback on answers.

Questions and votes on answers are stored without user ids in FEEDBACK_DIR. The metrics have none of them.

"""

import contextlib
import json
import logging
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Info, ProcessCollector
from prometheus_client.exposition import generate_latest
from pydantic import TypeAdapter, ValidationError

from retrieval.model import Answer, Certainty

_MAX_RECENT_SEARCHES = 1000
_BUCKETS_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0)


@dataclass(frozen=True, slots=True)
class MetricsSummary:
    """Counts since the start; `median_seconds` is that of recent search times, in seconds."""

    answers: int
    unsure: int
    declines: int
    median_seconds: float


class Metrics:
    """The metrics of one process. They contain no question, name or id of a user."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.started_at = time.monotonic()
        self._recent: deque[float] = deque(maxlen=_MAX_RECENT_SEARCHES)
        ProcessCollector(registry=self.registry)
        self._questions = Counter("verbatim_questions", "Questions asked", registry=self.registry)
        self._answers = Counter("verbatim_answers", "Questions answered with a quote", registry=self.registry)
        self._unsure = Counter(
            "verbatim_unsure",
            "Questions answered with the closest passages, as no quote was sure to answer",
            registry=self.registry,
        )
        self._declines = Counter(
            "verbatim_declines", "Questions that the documents do not answer", registry=self.registry
        )
        self._denials = Counter(
            "verbatim_refusals",
            "Updates denied by access control or rate limits",
            ["why"],
            registry=self.registry,
        )
        self._uploads = Counter(
            "verbatim_uploads",
            "Documents that people sent into their chats, by outcome",
            ["outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "verbatim_seconds",
            "Seconds by stage: find (an answer), send (a call to Telegram), whole (an update)",
            ["stage"],
            buckets=_BUCKETS_SECONDS,
            registry=self.registry,
        )
        self._errors = Counter(
            "verbatim_telegram_errors",
            "Failed calls to Telegram, by kind of error",
            ["kind"],
            registry=self.registry,
        )
        self._unreached = Counter(
            "verbatim_unreached",
            "Updates not answered because the documents were unreachable",
            registry=self.registry,
        )
        self._reachable = Gauge(
            "verbatim_documents_reachable", "Whether the documents can be reached", registry=self.registry
        )
        self._reachable.set(1)
        self._unfinished = Gauge(
            "verbatim_updates_unfinished", "Updates received and not answered yet", registry=self.registry
        )
        self._journal_errors = Counter(
            "verbatim_journal_errors",
            "Answered updates that could not be noted on disk, and may come twice after a crash",
            registry=self.registry,
        )
        self._documents = Gauge("verbatim_documents", "Documents in the index", registry=self.registry)
        self._passages = Gauge("verbatim_passages", "Passages in the index", registry=self.registry)
        self._unencoded = Gauge(
            "verbatim_texts_without_vector",
            "Texts without a vector, which are found by words alone",
            registry=self.registry,
        )
        self._index = Info("verbatim_index", "The index in use", registry=self.registry)

    def summary(self) -> MetricsSummary:
        """Return what the command /status shows."""
        return MetricsSummary(
            answers=self._count("verbatim_answers_total"),
            unsure=self._count("verbatim_unsure_total"),
            declines=self._count("verbatim_declines_total"),
            median_seconds=median(self._recent) if self._recent else 0.0,
        )

    def _count(self, name: str) -> int:
        return round(self.registry.get_sample_value(name) or 0)

    def count_question(self, certainty: Certainty) -> None:
        counters = {"sure": self._answers, "unsure": self._unsure, "none": self._declines}
        self._questions.inc()
        counters[certainty].inc()

    def count_denial(self, why: str) -> None:
        self._denials.labels(why).inc()

    def count_upload(self, outcome: str) -> None:
        self._uploads.labels(outcome).inc()

    def count_unreachable(self) -> None:
        self._unreached.inc()

    def set_reachable(self, *, documents: bool) -> None:
        self._reachable.set(documents)

    def count_telegram_error(self, error: Exception) -> None:
        """Count a failed call to Telegram by its kind."""
        self._errors.labels(type(error).__name__).inc()

    def journal_failed(self) -> None:
        """Count an answered update that could not be stored in the journal."""
        self._journal_errors.inc()

    @contextlib.contextmanager
    def time_stage(self, stage: str) -> Iterator[None]:
        started = time.perf_counter()
        try:
            yield
        finally:
            duration = time.perf_counter() - started
            self._seconds.labels(stage).observe(duration)
            if stage == "find":
                self._recent.append(duration)

    def watch_unfinished(self, count: Callable[[], int]) -> None:
        self._unfinished.set_function(count)

    def set_index(self, *, documents: int, passages: int, version: str) -> None:
        self._documents.set(documents)
        self._passages.set(passages)
        self._index.info({"version": version})

    def set_unencoded(self, texts: int) -> None:
        self._unencoded.set(texts)

    def export(self) -> bytes:
        """Return all metrics in Prometheus' text format, UTF-8."""
        return generate_latest(self.registry)


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
