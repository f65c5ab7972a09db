"""An echo server on Trio, in the form of its tutorial's: `python trio_tutorial.py PORT [PEM]`."""

from __future__ import annotations

import sys

import trio
from own_tls import server_context


async def echo(stream: trio.abc.Stream) -> None:
    """Echo until the client ends; one that resets its connection ends alone."""
    try:
        async for data in stream:
            await stream.send_all(data)
    except trio.BrokenResourceError:
        pass


async def main() -> None:
    """Serve on 127.0.0.1, and print the port."""
    listeners = await trio.open_tcp_listeners(int(sys.argv[1]), host="127.0.0.1")
    print(listeners[0].socket.getsockname()[1], flush=True)
    context = server_context()
    if context is None:
        await trio.serve_listeners(echo, listeners)
    else:  # as trio.serve_ssl_over_tcp does
        await trio.serve_listeners(echo, [trio.SSLListener(one, context) for one in listeners])


if __name__ == "__main__":
    trio.run(main)
