"""`python -m sandbox`: a local Telegram emulator. The first line of output names its address."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
import sys

import uvicorn

from sandbox import user_actions
from sandbox.server import build_app
from sandbox.state import TOKEN, TelegramState

READY_PREFIX = "sandbox ready: "


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--token", default=TOKEN, help="the token the bot must use")
    parser.add_argument("--username", default="verbatim_bot", help="the bot's username")
    parser.add_argument("--name", default="Verbatim", help="the bot's name")
    parser.add_argument("--empty", action="store_true", help="start without users and chats")
    options = parser.parse_args()
    bot_id, _, secret = options.token.partition(":")
    if not (bot_id.isdigit() and secret):
        parser.error("--token must look like 123456:ABC-def")
    telegram = TelegramState(options.token, options.username, options.name)
    if not options.empty:
        _add_demo_chats(telegram)
    try:
        listener = _listen(options.host, options.port)
    except OSError as error:
        sys.exit(f"sandbox: can't listen on {options.host}:{options.port}: {error.strerror}")
    asyncio.run(_serve(telegram, listener))


def _add_demo_chats(telegram: TelegramState) -> None:
    """Add two users, and a group of both of them and the bot."""
    ada = telegram.add_user("Ada", last_name="Lovelace", username="ada", language_code="en")
    omar = telegram.add_user("Omar", last_name="Khayyam", username="omar", language_code="ar")
    group = telegram.add_group("Reading circle", {ada.id, omar.id}, "supergroup")
    group.owner = ada.id
    user_actions.add_bot(telegram, group, ada)


def _listen(host: str, port: int) -> socket.socket:
    # asyncio sets TCP_NODELAY only on sockets created with an explicit protocol.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    return listener


async def _serve(telegram: TelegramState, listener: socket.socket) -> None:
    config = uvicorn.Config(
        build_app(telegram), log_level="critical", access_log=False, timeout_graceful_shutdown=0, http="h11"
    )
    server = uvicorn.Server(config)
    listener.listen(512)
    host, port = listener.getsockname()[:2]
    # The socket is already listening: a client may connect as soon as it reads this line.
    print(f"{READY_PREFIX}http://{host}:{port}/", flush=True)  # noqa: T201 - the program's output
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, lambda: setattr(server, "should_exit", True))
    # Server.serve() would raise the captured signal again after the shutdown.
    await server._serve([listener])  # noqa: SLF001
    await asyncio.sleep(0)


if __name__ == "__main__":
    main()
