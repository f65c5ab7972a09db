"""A server of several processes: a supervisor and its workers."""
