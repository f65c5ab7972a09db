"""A server of several processes: its supervisor, its workers, and what they share."""
