"""From a file to all that an index holds of it; in processes of their own where that is many or risky."""

import hashlib
import logging
import os
import resource
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import TimeoutError as Overdue
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from retrieval.errors import DocumentError
from retrieval.folder import File
from retrieval.identity import document_id
from retrieval.loading.loaders import load, read
from retrieval.loading.passages import passages
from retrieval.model import Citation, Passage, Source
from retrieval.ranking.forward import Forward

_log = logging.getLogger(__name__)

# Text alone is read here, by code of our own, unless there is much of it; other formats are for libraries,
# which a document made for it may crash or keep busy for ever.
_OWN = (".txt", ".text", ".md", ".markdown", ".csv", ".tsv")
_LITTLE = 512 * 1024
_PATIENCE = 180.0
_DRAWING = 20.0
_MEMORY = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Read:
    """What a file became: `digest` is of its bytes, `text` of its text."""

    digest: str
    text: str
    source: Source
    passages: tuple[Passage, ...]
    forward: Forward


@dataclass(frozen=True, slots=True)
class Failed:
    """Why a file cannot be read; `is_final` says that it cannot before it changes."""

    reason: str
    is_final: bool = True


def read_all(folder: Path, files: Sequence[File], longest_piece: int) -> Iterator[tuple[File, Read | Failed]]:
    """Read files in their order; each gives what it became, or why it cannot be read."""
    is_own = all(file.name.lower().endswith(_OWN) for file in files)
    if is_own and sum(file.size for file in files) <= _LITTLE:
        for file in files:
            yield file, _read(folder, file.name, longest_piece)
        return
    workers = min(os.cpu_count() or 1, len(files))
    with ProcessPool(workers, context=get_context("forkserver"), initializer=_bound) as pool:
        jobs = [
            pool.schedule(_read, args=(folder, file.name, longest_piece), timeout=_PATIENCE) for file in files
        ]
        for file, job in zip(files, jobs, strict=True):
            yield file, _result(job)


def draw(folder: Path, citation: Citation) -> bytes | None:
    """Draw the page a quote is on, the quote marked, as a JPEG; nothing where there is no such page."""
    if citation.locator.unit != "page" or citation.locator.page is None:
        return None
    with ProcessPool(1, context=get_context("forkserver"), initializer=_bound) as pool:
        arguments = folder, citation.document, citation.locator.page, citation.quote
        job = pool.schedule(_drawn, args=arguments, timeout=_DRAWING)
        try:
            drawn: bytes | None = job.result()
        except (Overdue, ProcessExpired, BrokenProcessPool, DocumentError) as error:
            _log.warning("%s: page %s cannot be drawn (%s)", *arguments[1:3], type(error).__name__)
            return None
    return drawn


def _drawn(folder: Path, name: str, page: int, quote: str) -> bytes | None:
    # Who draws nothing needs no library for it.
    from retrieval.pictures import picture  # noqa: PLC0415

    return picture(read(folder / name, name), page, quote, name)


def _result(job: "ProcessFuture[Read | Failed]") -> Read | Failed:
    try:
        result: Read | Failed = job.result()
    except Overdue:
        return Failed(f"takes more than {_PATIENCE:.0f} s to read; save it anew, or split it")
    except ProcessExpired as error:
        return Failed(f"reading it crashed (exit code {error.exitcode}); save it anew or remove it")
    except BrokenProcessPool:
        told = "no process can be started to read it; see that the machine has memory left"
        return Failed(told, is_final=False)
    return result


def _read(folder: Path, name: str, longest_piece: int) -> Read | Failed:
    try:
        data = read(folder / name, name)
    except DocumentError as error:
        return Failed(error.reason, is_final=False)
    try:
        document = load(data, name)
        own = tuple(passages(document))
        language = Counter(passage.language for passage in own).most_common(1)[0][0]
        return Read(
            digest=_digest(data),
            text=_digest(document.text.encode("utf-8", "surrogatepass")),
            source=Source(document_id(name), name, document.title, len(own), len(document.text), language),
            passages=own,
            forward=Forward.build(own, longest_piece),
        )
    except DocumentError as error:
        return Failed(error.reason)
    except MemoryError:
        return Failed("takes too much memory to read; split it")
    except Exception as error:  # noqa: BLE001  # a mistake of ours costs one document, never the others
        _log.exception("%s: cannot be read", name)
        return Failed(f"cannot be read ({type(error).__name__}); save it anew or remove it")


def _bound() -> None:
    """Bound what a process may take, so that the machine stays usable."""
    with suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))


def _digest(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
