"""Notebooks: cells run in Trio, pictures to play with, copies, and checks of exercises."""
