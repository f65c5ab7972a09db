"""Look: what each socket call does to the kernel, and what travels between two sockets.

`kernel` reads the kernel's socket tables and lists what changed. `packets` captures and decodes the
segments on the loopback interface. `tasks` follows Trio's tasks. `experiments` try something with
sockets and record what happened. All return values, which `trio_echo.pictures` draws.
"""
