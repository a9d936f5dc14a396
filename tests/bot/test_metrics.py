import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families
from telegram.error import BadRequest, NetworkError

from bot.monitoring import Metrics
from retrieval.model import Certainty

CERTAINTIES: tuple[Certainty, ...] = ("sure", "none", "sure", "unsure")
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


def read(metrics: Metrics) -> Samples:
    """Parse the page as Prometheus does."""
    families = text_string_to_metric_families(metrics.export().decode())
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in families
        for sample in family.samples
    }


def _full() -> Metrics:
    metrics = Metrics()
    for certainty in CERTAINTIES:
        metrics.count_question(certainty)
    metrics.count_denial("too many")
    metrics.count_telegram_error(NetworkError("the words of somebody"))
    metrics.count_telegram_error(BadRequest("the words of somebody"))
    with metrics.time_stage("find"):
        pass
    metrics.watch_unfinished(lambda: 4)
    metrics.set_index(documents=2, passages=30, version="abc")
    metrics.set_unencoded(1200)
    metrics.count_unreachable()
    metrics.set_reachable(documents=False)
    return metrics


def test_the_page_has_the_documented_names() -> None:
    """Each metric is on the page with its name and value."""
    samples = read(_full())
    expected = {
        ("verbatim_questions_total", ()): 4,
        ("verbatim_answers_total", ()): 2,
        ("verbatim_unsure_total", ()): 1,
        ("verbatim_declines_total", ()): 1,
        ("verbatim_refusals_total", (("why", "too many"),)): 1,
        ("verbatim_telegram_errors_total", (("kind", "NetworkError"),)): 1,
        ("verbatim_telegram_errors_total", (("kind", "BadRequest"),)): 1,
        ("verbatim_seconds_count", (("stage", "find"),)): 1,
        ("verbatim_updates_unfinished", ()): 4,
        ("verbatim_documents", ()): 2,
        ("verbatim_passages", ()): 30,
        ("verbatim_index_info", (("version", "abc"),)): 1,
        ("verbatim_texts_without_vector", ()): 1200,
        ("verbatim_unreached_total", ()): 1,
        ("verbatim_documents_reachable", ()): 0,
    }
    assert expected == {(name, labels): samples[name, frozenset(labels)] for name, labels in expected}


def test_a_new_process_has_counted_nothing() -> None:
    """A new process starts with zero counts, which are its own."""
    _full()
    samples = read(Metrics())
    assert 0 == samples["verbatim_questions_total", frozenset()]
    assert 1 == samples["verbatim_documents_reachable", frozenset()]
    assert not [name for name, _ in samples if name.startswith("verbatim_telegram_errors_total")]


def test_a_new_index_replaces_the_old_one() -> None:
    """Only the current index is on the page."""
    metrics = _full()
    metrics.set_index(documents=1, passages=3, version="def")
    samples = read(metrics)
    named = [dict(labels) for name, labels in samples if name == "verbatim_index_info"]
    assert [{"version": "def"}] == named
    assert 1 == samples["verbatim_documents", frozenset()]


@given(st.text(min_size=8))
def test_error_messages_are_not_exported(words: str) -> None:
    """Of an error, only its kind is on the page, never its message."""
    metrics = Metrics()
    before = {name for name, labels in read(metrics) if labels}
    metrics.count_telegram_error(NetworkError(words))
    after = {(name, labels) for name, labels in read(metrics) if labels and name not in before}
    assert {("kind", "NetworkError")} == {label for _, labels in after for label in labels}


def test_failures_are_timed() -> None:
    """A block that raises is timed as well."""
    metrics = Metrics()
    with pytest.raises(ValueError, match="no"), metrics.time_stage("send"):
        raise ValueError("no")
    assert 1 == read(metrics)["verbatim_seconds_count", frozenset({("stage", "send")})]
