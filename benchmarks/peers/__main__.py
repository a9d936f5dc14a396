"""One engine: a request a line on standard input, its answer a line on standard output, both JSON."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.engine import Asked, timed


def main() -> None:
    # What a library prints is no answer.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine = importlib.import_module(f"benchmarks.peers.{sys.argv[1]}").Engine()
    for line in sys.stdin:
        print(json.dumps(_answer(engine, json.loads(line))), file=answers, flush=True)


def _answer(engine: Any, request: dict[str, Any]) -> Any:
    """Do what is asked; gives seconds where something is timed."""
    questions = [Asked(text, tuple(terms)) for text, terms in request.get("questions", ())]
    match request["do"]:
        case "build" | "open" as do:
            folder, saved = Path(request["folder"]), Path(request["saved"])
            began = time.perf_counter()
            getattr(engine, do)(folder, saved)
            return time.perf_counter() - began
        case "terms":
            return [(asked.text, asked.terms) for asked in engine.terms(request["texts"])]
        case "found":
            return [engine.search(asked, request["limit"]) for asked in questions]
        case "differing":
            return engine.differing(questions, request["found"])
        case "answer":
            return engine.answered(questions)
        case _:
            limit = request["limit"]
            return (
                engine.timed(questions, limit)
                if hasattr(engine, "timed")
                else timed(engine, questions, limit)
            )


if __name__ == "__main__":
    main()
