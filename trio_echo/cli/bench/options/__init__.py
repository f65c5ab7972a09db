"""The options of `bench`, a file for each group."""
