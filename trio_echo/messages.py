"""Marks texts that are translated when they are shown; `screen` has the catalogues."""

from __future__ import annotations


def N_(message: str) -> str:  # noqa: N802  gettext's own name
    """Mark a message for the catalogue; it is translated when it is used."""
    return message
