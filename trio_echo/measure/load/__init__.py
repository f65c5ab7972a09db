"""Load an echo server: connections and messages, in separate processes."""
