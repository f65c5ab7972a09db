"""A server's totals for Prometheus. It needs the extra `metrics`."""
