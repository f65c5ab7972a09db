"""An echo server on Trio, in the form of its tutorial's: `python trio_tutorial.py PORT`."""

from __future__ import annotations

import sys

import trio


async def echo(stream: trio.SocketStream) -> None:
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
    await trio.serve_listeners(echo, listeners)


if __name__ == "__main__":
    trio.run(main)
