"""Reading in processes of their own: what happens there stays there."""

import os
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pytest
from pebble import ProcessPool

from retrieval import reading
from retrieval.folder import files
from retrieval.reading import Failed, Read, read_all


@pytest.mark.parametrize(
    ("work", "argument", "expected"),
    [
        (os._exit, 3, "reading it crashed (exit code 3); save it anew or remove it"),
        (time.sleep, 60, "takes more than 180 s to read; save it anew, or split it"),
    ],
)
def test_what_crashes_or_hangs_is_told(work: Callable[..., Any], argument: int, expected: str) -> None:
    """A process that ends, or does not end, costs one document and a line about it."""
    with ProcessPool(1, context=get_context("forkserver")) as pool:
        job = pool.schedule(work, args=(argument,), timeout=1)
        assert Failed(expected) == reading._result(job)


def test_many_and_few_are_read_alike(tmp_path: Path) -> None:
    """Whether here or in other processes, the same comes of the same files, in their order."""
    for number in range(4):
        (tmp_path / f"{number}.txt").write_text(f"The lighthouse {number} stands by the sea.\n")
    (tmp_path / "4.txt").write_bytes(b"")
    listed, _ = files(tmp_path)
    here = list(read_all(tmp_path, listed, 300))
    (tmp_path / "5.html").write_text("<p>The ferry leaves at seven.</p>")
    listed, _ = files(tmp_path)
    apart = list(read_all(tmp_path, listed, 300))
    assert [f"{number}.txt" for number in range(5)] == [file.name for file, _ in here]
    for (_, one), (_, other) in zip(here, apart, strict=False):
        if isinstance(one, Read) and isinstance(other, Read):
            assert (one.digest, one.text, one.passages) == (other.digest, other.text, other.passages)
            assert one.forward.tokens.values.tolist() == other.forward.tokens.values.tolist()
        else:
            assert one == other
    assert isinstance(apart[5][1], Read)


def test_what_may_pass_is_tried_again(tmp_path: Path) -> None:
    """A file that could not be opened is no lost case; one that holds nothing is, until it changes."""
    (tmp_path / "a.txt").write_text("")
    (tmp_path / "b.odd").write_text("?")
    listed, _ = files(tmp_path)
    assert [True, False] == [
        one.is_final for _, one in read_all(tmp_path, listed, 300) if isinstance(one, Failed)
    ]
