"""Judge measurements: by requirements, and against stored runs. No I/O."""
