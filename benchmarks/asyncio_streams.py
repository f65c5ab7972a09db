"""An echo server on asyncio's streams: `python asyncio_streams.py PORT [PEM]`."""

from __future__ import annotations

import asyncio
import sys

from own_tls import server_context


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Echo until the client ends; one that resets its connection ends alone."""
    try:
        while data := await reader.read(65536):  # the default limit of a reader
            writer.write(data)
            await writer.drain()
        writer.close()
        await writer.wait_closed()
    except ConnectionError:
        writer.close()


async def main() -> None:
    """Serve on 127.0.0.1, and print the port."""
    server = await asyncio.start_server(echo, "127.0.0.1", int(sys.argv[1]), ssl=server_context())
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
