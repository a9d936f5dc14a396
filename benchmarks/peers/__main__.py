"""Runs an engine: reads a JSON request per line on standard input, writes a JSON response per line."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.engine import Question, timed


def main() -> None:
    # Output of libraries goes to standard error.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine = importlib.import_module(f"benchmarks.peers.{sys.argv[1]}").Engine()
    for line in sys.stdin:
        print(json.dumps(_answer(engine, json.loads(line))), file=answers, flush=True)


def _answer(engine: Any, request: dict[str, Any]) -> Any:
    """Return the response to a request: seconds, or results."""
    questions = [Question(text, tuple(terms)) for text, terms in request.get("questions", ())]
    match request["do"]:
        case "build" | "open" as do:
            folder, saved = Path(request["folder"]), Path(request["saved"])
            start = time.perf_counter()
            getattr(engine, do)(folder, saved)
            return time.perf_counter() - start
        case "terms":
            return [(question.text, question.terms) for question in engine.terms(request["texts"])]
        case "found":
            return [engine.search(question, request["limit"]) for question in questions]
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
