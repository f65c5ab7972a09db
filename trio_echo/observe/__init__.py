"""Look: what each socket call does to the kernel, and what travels between two sockets.

`kernel` reads the kernel's socket tables and says what changed in them. `packets` captures and
decodes the segments on the loopback interface. `tasks` follows Trio's tasks. `experiments` try
something and note what happened. They return values, which `trio_echo.pictures` draws.
"""
