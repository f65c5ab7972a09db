"""Load an echo server: connections and messages, in processes of their own."""
