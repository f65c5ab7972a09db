"""The user's language and its catalogue of messages (gettext)."""

from __future__ import annotations

import gettext
import locale
import os
import re
from pathlib import Path

LANGUAGES = ("en", "ko")
"""The source is in English; each other language has a catalogue in `locale/`."""


def translations(language: str | None = None) -> gettext.NullTranslations:
    """Load the messages of a language.

    Args:
        language: one of `LANGUAGES`; `None` follows the locale.
    """
    wanted = preferred_language() if language is None else language
    directory = Path(__file__).with_name("locale")
    return gettext.translation("trio_echo", directory, languages=[wanted], fallback=True)


def preferred_language() -> str:
    """Find the language in the environment, as GNU gettext does; by default English.

    Source: https://www.gnu.org/software/gettext/manual/html_node/Locale-Environment-Variables.html
    """
    values = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    # Windows sets none of these; its C library knows the user's locale ("Korean_Korea").
    current = next(filter(None, values), None) or locale.getlocale()[0] or "C"
    if current.split(".")[0] in ("C", "POSIX"):
        return "en"
    for name in (os.environ.get("LANGUAGE") or current).split(":"):
        language = re.split(r"[^a-z]", name.lower())[0]
        if language in ("ko", "korean"):
            return "ko"
        if language in ("en", "english"):
            return "en"
    return "en"
