"""Look: what each socket call does to the kernel, and what travels between two sockets.

`kernel` reads the kernel's socket tables, `packets` the segments on the loopback interface;
`pictures` and `ladder` draw them, and `jupyter` runs notebook cells in Trio. Only the modules that
draw import matplotlib, and only `jupyter` imports IPython. `tasks` reads Trio's task tree, `tree`
draws it.
"""
