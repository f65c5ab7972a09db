"""The screen: turns events into lines in the user's language, safe for a terminal."""
