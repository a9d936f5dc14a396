"""Fuzzes for a time: `python -m tests.fuzz --seconds 900`. Failures are shrunk and kept in tests/fuzz/corpus.

The targets take turns, each turn in a process of its own, so that a crash of a library is a failure like
others. Every target has a turn, however short the time is and however slow the machine.
"""

import argparse
import faulthandler
import hashlib
import logging
import multiprocessing
import random
import resource
import signal
import sys
import time
import traceback
import warnings
from collections import Counter
from multiprocessing.connection import Connection
from pathlib import Path

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis.errors import HypothesisWarning
from hypothesis.strategies import none

from tests.fuzz.targets import Target, build_target, target_names

CORPUS = Path(__file__).parent / "corpus"
_TURN_SECONDS = 20.0
_MIN_TURN_SECONDS = 1.0
_EXAMPLES_PER_RUN = 200
_MAX_INPUT_SECONDS = 30
# As much as a process that reads documents may take.
_MAX_BYTES = 2 * 1024**3


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=900)
    parser.add_argument("--target", choices=sorted(target_names()), action="append")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(2**32))
    options = parser.parse_args()
    names = options.target or list(target_names())
    _prepare_hypothesis()
    numbers, deadline, outcomes = (
        random.Random(options.seed),
        time.monotonic() + options.seconds,
        Counter[str](),
    )
    print(f"seed {options.seed}, {len(names)} targets, {options.seconds:.0f} s", flush=True)
    while (remaining := deadline - time.monotonic()) > 0 or outcomes["turns"] < len(names):
        # What is left of the time is shared by the targets that are left of this round.
        position = outcomes["turns"] % len(names)
        seconds = max(_MIN_TURN_SECONDS, min(_TURN_SECONDS, remaining / (len(names) - position)))
        turn = _run_turn(names[position], numbers.randrange(2**32), seconds)
        outcomes["turns"] += 1
        outcomes += Counter({f"{names[position]} {outcome}": count for outcome, count in turn.items()})
    for name in names:
        counts = {outcome: outcomes[f"{name} {outcome}"] for outcome in ("read", "refused", "failed")}
        print(f"{name:20}", "  ".join(f"{outcome} {count:6}" for outcome, count in counts.items()))
    failed = sum(count for key, count in outcomes.items() if key.endswith(" failed"))
    inputs = sum(outcomes.values()) - outcomes["turns"]
    print(f"{inputs} inputs, {failed} failures; these are in {CORPUS}")
    return 1 if failed else 0


def _prepare_hypothesis() -> None:
    """Let Hypothesis read the sources of the project, once for all turns."""
    settings(max_examples=1, database=None)(given(none())(lambda _: None))()


def _run_turn(name: str, number: int, seconds: float) -> Counter[str]:
    """Fuzz a target in a new process, and return how its inputs ended."""
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    current = CORPUS / f".current-{name}"
    process = context.Process(target=_fuzz, args=(build_target(name), number, seconds, current, sender))
    process.start()
    sender.close()
    outcomes = Counter[str]()
    while True:
        try:
            outcomes += receiver.recv()
        except EOFError:
            break
    process.join()
    if process.exitcode:
        _keep(name, current.read_bytes())
        outcomes["failed"] += 1
        print(f"{name}: ended with {process.exitcode}", flush=True)
    current.unlink(missing_ok=True)
    return outcomes


def _fuzz(target: Target, number: int, seconds: float, current: Path, sender: Connection) -> None:
    faulthandler.enable()
    logging.disable(logging.CRITICAL if target.name != "update" else logging.NOTSET)
    logging.lastResort = None
    logging.getLogger("bot").addHandler(logging.NullHandler())
    warnings.simplefilter("ignore", HypothesisWarning)
    resource.setrlimit(resource.RLIMIT_AS, (_MAX_BYTES, _MAX_BYTES))
    signal.signal(signal.SIGALRM, _raise_timeout)
    deadline, failing = time.monotonic() + seconds, b""

    def check(data: bytes) -> None:
        nonlocal failing
        current.write_bytes(data)
        signal.alarm(_MAX_INPUT_SECONDS)
        try:
            sender.send(Counter([target.check(data)]))
        except BaseException:
            failing = data
            raise
        finally:
            signal.alarm(0)
        # A failure is shrunk beyond the end of the turn.
        if not failing and time.monotonic() > deadline:
            raise _TurnEndedError

    while True:
        number += 1
        run = settings(
            max_examples=_EXAMPLES_PER_RUN,
            database=None,
            deadline=None,
            phases=[Phase.generate, Phase.shrink],
            suppress_health_check=list(HealthCheck),
            report_multiple_bugs=False,
        )(seed(number)(given(target.inputs())(check)))
        try:
            run()
        except _TurnEndedError:
            return
        except Exception:  # noqa: BLE001  # any exception is a failure, reported with its traceback
            # The last input that failed is the smallest.
            print(
                f"{target.name}: {_keep(target.name, failing)}\n{traceback.format_exc(limit=-4)}", flush=True
            )
            sender.send(Counter(["failed"]))
            return


class _TurnEndedError(BaseException):
    """Ends a run of Hypothesis, which takes exceptions of other classes for failures."""


def _raise_timeout(*_: object) -> None:
    raise TimeoutError(f"takes more than {_MAX_INPUT_SECONDS} s")


def _keep(name: str, data: bytes) -> Path:
    path = CORPUS / name / hashlib.blake2b(data, digest_size=6).hexdigest()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


if __name__ == "__main__":
    sys.exit(main())
