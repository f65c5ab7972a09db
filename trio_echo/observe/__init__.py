"""Look: what each socket call does to the kernel, and what travels between two sockets.

`kernel` reads the kernel's socket tables, and `watch` tells what has changed in them; `packets`
captures the segments on the loopback interface; `tasks` and `recorder` follow Trio's tasks; `calls`
counts system calls, and `eyeballs` races the addresses of a name. `pictures`, `pieces`, `ladder`,
`layers`, `tree` and `timeline` draw all that, `bars` and `curves` draw numbers. For the notebooks,
`jupyter` runs cells in Trio, `play` redraws a picture as sliders move, `checks` tell whether an
exercise is solved, and `copies` gives a student notebooks to work in. Only the modules that draw
import matplotlib, and only `play` imports IPython.
"""
