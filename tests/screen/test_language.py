from __future__ import annotations

import locale
import string
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from babel.messages.extract import DEFAULT_KEYWORDS, extract_from_dir
from babel.messages.mofile import read_mo
from babel.messages.pofile import read_po

import trio_echo
from trio_echo.screen.language import LANGUAGES, preferred_language, translations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from babel.messages.catalog import Catalog, Message

PACKAGE = Path(trio_echo.__file__).parent
LOCALE = PACKAGE / "screen" / "locale"
CATALOGUE = LOCALE / "ko" / "LC_MESSAGES" / "trio_echo.po"


def read_catalogue() -> Catalog:
    with CATALOGUE.open("rb") as file:
        return read_po(file, locale="ko", abort_invalid=True)


MESSAGES: list[Message] = [message for message in read_catalogue() if message.id]


def forms(text: str | Sequence[str] | None) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text or ())


@pytest.fixture
def no_locale(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(locale, "getlocale", lambda: (None, None))


@pytest.mark.usefixtures("no_locale")
@pytest.mark.parametrize(
    ("environment_variables", "language"),
    [
        ("", "en"),
        ("LANG=ko_KR.UTF-8", "ko"),
        ("LANG=ko", "ko"),
        ("LANG=KO_KR", "ko"),
        ("LANG=en_US.UTF-8", "en"),
        ("LANG=C.UTF-8", "en"),
        ("LANG=POSIX", "en"),
        ("LANG=fr_FR.UTF-8", "en"),
        # LC_ALL overrides LC_MESSAGES, which overrides LANG; an empty one counts as unset.
        ("LANG=ko_KR LC_MESSAGES=en_US", "en"),
        ("LANG=en_US LC_MESSAGES=ko_KR", "ko"),
        ("LC_MESSAGES=en_US LC_ALL=ko_KR", "ko"),
        ("LANG=ko_KR LC_MESSAGES=ko_KR LC_ALL=en_US", "en"),
        ("LANG=ko_KR LC_MESSAGES= LC_ALL=", "ko"),
        ("LANG=ko_KR LC_ALL=C", "en"),
        # LANGUAGE is a list and overrides them all, but the C locale ignores it.
        ("LANG=en_US LANGUAGE=ko", "ko"),
        ("LC_ALL=en_US LANGUAGE=ko_KR:en", "ko"),
        ("LANG=ko_KR LANGUAGE=en:ko", "en"),
        ("LANG=en_US LANGUAGE=fr:ko:en", "ko"),
        ("LANG=ko_KR LANGUAGE=", "ko"),
        ("LANG=C LANGUAGE=ko", "en"),
        ("LANG=POSIX LANGUAGE=ko", "en"),
        ("LANGUAGE=ko", "en"),
    ],
)
def test_the_environment_decides_the_language(
    monkeypatch: pytest.MonkeyPatch, environment_variables: str, language: str
) -> None:
    for setting in environment_variables.split():
        monkeypatch.setenv(*setting.split("="))
    assert preferred_language() == language


@pytest.mark.usefixtures("no_locale")
def test_a_language_code_that_only_begins_with_ko_is_not_korean(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LANG", "kok_IN.UTF-8")  # Konkani
    assert preferred_language() == "en"


@pytest.mark.usefixtures("no_locale")
@pytest.mark.parametrize(
    ("name", "language"), [("Korean_Korea", "ko"), ("English_United States", "en"), (None, "en")]
)
def test_the_c_library_decides_if_the_environment_does_not(
    monkeypatch: pytest.MonkeyPatch, name: str | None, language: str
) -> None:
    monkeypatch.setattr(locale, "getlocale", lambda: (name, None))
    assert preferred_language() == language


@pytest.mark.usefixtures("no_locale")
@pytest.mark.parametrize(
    ("language", "prompt"),
    [("en", "[data to send] "), ("ko", "[보낼 데이터] "), (None, "[보낼 데이터] ")],
)
def test_a_requested_language_overrides_the_locale(
    monkeypatch: pytest.MonkeyPatch, language: str | None, prompt: str
) -> None:
    monkeypatch.setenv("LANG", "ko_KR.UTF-8")
    assert translations(language).gettext("[data to send] ") == prompt


def test_every_language_but_english_has_a_catalogue() -> None:
    folders = {path.name for path in LOCALE.iterdir()}
    assert folders == set(LANGUAGES) - {"en"}


def test_the_catalogue_has_exactly_the_messages_of_the_code() -> None:
    keywords = {**DEFAULT_KEYWORDS, "_ngettext": (1, 2)}
    found = extract_from_dir(PACKAGE, method_map=[("**.py", "python")], keywords=keywords)
    used = {forms(message) for _file, _line, message, _comments, _context in found}
    assert ("[data to send] ",) in used
    assert {forms(message.id) for message in MESSAGES} == used
    assert not read_catalogue().obsolete


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: forms(message.id)[0])
def test_a_translation_is_complete_and_has_the_same_placeholders(message: Message) -> None:
    def placeholders(text: str) -> set[tuple[str | None, str | None]]:
        parts = string.Formatter().parse(text)
        return {(name, spec) for _text, name, spec, _conversion in parts if name is not None}

    assert not message.fuzzy
    assert forms(message.string)
    for translation in forms(message.string):
        assert translation.strip()
        for original in forms(message.id):
            assert placeholders(translation) == placeholders(original)
            # A space at the end is followed by the cursor.
            assert translation.endswith(" ") == original.endswith(" ")


def test_the_compiled_catalogue_matches_its_source() -> None:
    with CATALOGUE.with_suffix(".mo").open("rb") as file:
        compiled = read_mo(file)
    # The rest of the header has the time of compilation and Babel's version.
    assert compiled.plural_forms == read_catalogue().plural_forms
    assert {forms(one.id): forms(one.string) for one in compiled if one.id} == {
        forms(one.id): forms(one.string) for one in MESSAGES
    }
