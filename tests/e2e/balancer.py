"""A round-robin load balancer for several processes."""

import asyncio
import contextlib
from collections.abc import AsyncIterator


@contextlib.asynccontextmanager
async def balance(port: int, to: list[int]) -> AsyncIterator[None]:
    """Forward connections to the ports in turn, as a host's router does; closed ports are skipped."""
    turn = 0
    carrying: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
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
                there = await asyncio.open_connection("127.0.0.1", to[turn % len(to)])
            except OSError:
                continue
            both = [
                asyncio.create_task(carry(reader, there[1])),
                asyncio.create_task(carry(there[0], writer)),
            ]
            carrying.update(both)
            await asyncio.gather(*both, return_exceptions=True)
            carrying.difference_update(both)
            return
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", port)
    try:
        yield
    finally:
        server.close()
        for task in carrying:
            task.cancel()
        await asyncio.gather(*carrying, return_exceptions=True)
