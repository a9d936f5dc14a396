"""`python -m sandbox`: a Telegram on loopback. Its first line of output is its address."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys

import uvicorn

from sandbox.demo_chats import add_demo_chats
from sandbox.server import build
from sandbox.state import TOKEN, TelegramState

READY = "sandbox ready: "


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--token", default=TOKEN, help="the token the bot must use")
    parser.add_argument("--username", default="verbatim_bot", help="the bot's username")
    parser.add_argument("--name", default="Verbatim", help="the bot's name")
    parser.add_argument("--empty", action="store_true", help="no people and no chats to begin with")
    given = parser.parse_args()
    number, _, secret = given.token.partition(":")
    if not (number.isdigit() and secret):
        parser.error("--token must look like 123456:ABC-def")
    telegram = TelegramState(given.token, given.username, given.name)
    if not given.empty:
        add_demo_chats(telegram)
    try:
        listener = _listen(given.host, given.port)
    except OSError as error:
        sys.exit(f"sandbox: can't listen on {given.host}:{given.port}: {error.strerror}")
    asyncio.run(_serve(telegram, listener))


def _listen(host: str, port: int) -> socket.socket:
    # asyncio sends small answers at once only on sockets that name their protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


async def _serve(telegram: TelegramState, listener: socket.socket) -> None:
    config = uvicorn.Config(
        build(telegram), log_level="critical", access_log=False, timeout_graceful_shutdown=0, http="h11"
    )
    server = uvicorn.Server(config)
    listener.listen(512)
    host, port = listener.getsockname()[:2]
    # The socket listens already: whoever connects on reading this line is served.
    print(f"{READY}http://{host}:{port}/", flush=True)  # noqa: T201 - the program's output
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, lambda: setattr(server, "should_exit", True))
    # uvicorn's own handlers would raise the signal again once it has stopped.
    await server._serve([listener])  # noqa: SLF001
    await asyncio.sleep(0)


if __name__ == "__main__":
    main()
