"""A round-robin load balancer for several processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable


@contextlib.asynccontextmanager
async def balance(port: int, to: list[int]) -> AsyncIterator[Callable[[int], None]]:
    """Forward connections to the ports in turn, skipping closed ones.

    Yields a function that closes all connections, and forwards later ones to a single port.
    """
    turn = 0
    tasks: set[asyncio.Task[None]] = set()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal turn
        for _ in to:
            turn += 1
            try:
                target = await asyncio.open_connection("127.0.0.1", to[turn % len(to)])
            except OSError:
                continue
            pair = [
                asyncio.create_task(pipe(reader, target[1])),
                asyncio.create_task(pipe(target[0], writer)),
            ]
            tasks.update(pair)
            await asyncio.gather(*pair, return_exceptions=True)
            tasks.difference_update(pair)
            return
        writer.close()

    def switch(target: int) -> None:
        nonlocal to
        to = [target]
        for task in tasks:
            task.cancel()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield switch
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
