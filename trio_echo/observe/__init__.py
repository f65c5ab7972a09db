"""Look: what each socket call does to the kernel, and what travels between two sockets.

`kernel` reads the kernel's socket tables, and `watch` tells what has changed in them; `packets`
captures the segments on the loopback interface; `tasks` and `recorder` follow Trio's tasks.
`pictures`, `pieces`, `ladder`, `tree` and `timeline` draw all that. `jupyter` runs notebook cells
in Trio, `copies` gives a student notebooks to work in, and `checks` tell whether an exercise is
solved. Only the modules that draw import matplotlib, and none imports IPython.
"""
