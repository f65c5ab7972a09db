"""An echo server on an asyncio `Protocol`: `python asyncio_protocol.py PORT [PEM]`.

As in asyncio's documentation, it has no flow control: what a client does not receive stays in
memory.
"""

from __future__ import annotations

import asyncio
import sys
from typing import cast

from own_tls import server_context


class Echo(asyncio.Protocol):
    """One client; the base class ends the connection at the end of its stream."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Echo."""
        self.transport.write(data)


async def main() -> None:
    """Serve on 127.0.0.1, and print the port."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Echo, "127.0.0.1", int(sys.argv[1]), ssl=server_context())
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
