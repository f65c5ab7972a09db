"""The screen: events become the lines a person reads, in their language, safe for a terminal."""
