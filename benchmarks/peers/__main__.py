"""Runs an engine: reads a JSON request per line on standard input, writes a JSON response per line."""

from __future__ import annotations

import importlib
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.peers.engine import Question, time_searches


def main() -> None:
    # Libraries may print, so standard output is redirected to standard error.
    responses = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    engine = importlib.import_module(f"benchmarks.peers.{sys.argv[1]}").Engine()
    for line in sys.stdin:
        print(json.dumps(_respond(engine, json.loads(line))), file=responses, flush=True)


def _respond(engine: Any, request: dict[str, Any]) -> Any:
    """Return the response to a request: seconds, or results."""
    questions = [Question(text, tuple(terms)) for text, terms in request.get("questions", ())]
    match request["do"]:
        case "build" | "open" as method:
            folder, index_folder = Path(request["folder"]), Path(request["index_folder"])
            start = time.perf_counter()
            getattr(engine, method)(folder, index_folder)
            return time.perf_counter() - start
        case "terms":
            return [(question.text, question.terms) for question in engine.terms(request["texts"])]
        case "best_paragraphs":
            return [engine.search(question, request["limit"]) for question in questions]
        case "count_differing":
            return engine.count_differing(questions, request["results"])
        case "answer":
            return engine.time_answers(questions)
        case _:
            limit = request["limit"]
            return (
                engine.time_searches(questions, limit)
                if hasattr(engine, "time_searches")
                else time_searches(engine, questions, limit)
            )


if __name__ == "__main__":
    main()
