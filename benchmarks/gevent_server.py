"""An echo server on gevent's `StreamServer`: `python gevent_server.py PORT`."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from gevent.server import StreamServer

if TYPE_CHECKING:
    import socket


def echo(sock: socket.socket, _address: tuple[str, int]) -> None:
    """Echo until the client ends; one that resets its connection ends alone."""
    try:
        while data := sock.recv(65536):
            sock.sendall(data)
    except ConnectionError:
        pass


def main() -> None:
    """Serve on 127.0.0.1, and print the port."""
    server = StreamServer(("127.0.0.1", int(sys.argv[1])), echo)
    server.start()
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
