"""The same asyncio `Protocol` on uvloop's event loop: `python uvloop_protocol.py PORT [PEM]`."""

from __future__ import annotations

import uvloop
from asyncio_protocol import main

if __name__ == "__main__":
    uvloop.run(main())
