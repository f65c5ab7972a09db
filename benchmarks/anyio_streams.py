"""An echo server on AnyIO, with its default backend: `python anyio_streams.py PORT`."""

from __future__ import annotations

import sys

import anyio
import anyio.abc


async def echo(stream: anyio.abc.SocketStream) -> None:
    """Echo until the client ends; one that resets its connection ends alone."""
    async with stream:
        try:
            async for data in stream:
                await stream.send(data)
        except anyio.BrokenResourceError:
            pass


async def main() -> None:
    """Serve on 127.0.0.1, and print the port."""
    port = int(sys.argv[1])
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=port)
    print(listener.extra(anyio.abc.SocketAttribute.local_port), flush=True)  # noqa: S610  no Django
    await listener.serve(echo)


if __name__ == "__main__":
    anyio.run(main)
