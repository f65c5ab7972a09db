"""The results of a run: values, what they say together, and their files."""
