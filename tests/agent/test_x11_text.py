"""Titles in every encoding that X11 has for them, as the library writes them that old programs stand on."""

import ctypes
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.screen.x11_text import text_of
from games.window.display import VirtualDisplay

COMPOUND_TEXT_STYLE = 1


class TextProperty(ctypes.Structure):
    _fields_ = (
        ("value", ctypes.c_void_p),
        ("encoding", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("items", ctypes.c_ulong),
    )


@pytest.fixture
def compound_text(display: VirtualDisplay) -> Iterator[Callable[[str], bytes]]:
    """Xlib's own writer."""
    x = ctypes.CDLL("libX11.so.6")
    x.XOpenDisplay.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(x.XOpenDisplay(display.name.encode()))

    def written(text: str) -> bytes:
        texts = (ctypes.c_char_p * 1)(text.encode())
        told = TextProperty()
        status = x.Xutf8TextListToTextProperty(connection, texts, 1, COMPOUND_TEXT_STYLE, ctypes.byref(told))
        assert status == 0
        value = ctypes.string_at(told.value, told.items)
        x.XFree(ctypes.c_void_p(told.value))
        return value

    yield written
    x.XCloseDisplay(connection)


def test_what_xlib_writes_as_compound_text_is_read(compound_text: Callable[[str], bytes]) -> None:
    titles = ["Game", "Été", "Игра 2", "囲碁 1", "게임", "游戏 a", "遊戲", "Παιχνίδι", "משחק", "ﾊﾟ", "Łódź", "Šį", "🎮"]
    titles.append(" ".join(titles))
    written = {title: compound_text(title) for title in titles}
    assert {title: text_of(value, "COMPOUND_TEXT") for title, value in written.items()} == {t: t for t in titles}


def test_the_type_of_a_property_says_its_encoding() -> None:
    assert text_of("Été".encode("latin-1"), "STRING") == "Été"
    assert text_of("Été".encode(), "UTF8_STRING") == "Été"
    assert text_of(b"\xc9t\xe9", "UTF8_STRING") == "\ufffdt\ufffd"


@given(st.binary(), st.sampled_from(["STRING", "UTF8_STRING", "COMPOUND_TEXT", "SOMETHING"]))
def test_any_bytes_are_shown_somehow(value: bytes, kind: str) -> None:
    assert isinstance(text_of(value, kind), str)


@given(st.lists(st.sampled_from([b"\x1b", b"%G", b"%@", b"$(B", b"-L", b")I", b"$)C", b"\x9b1]", b"a0", b"\xc9\xd1"])))
def test_any_compound_text_is_shown_somehow(parts: list[bytes]) -> None:
    assert isinstance(text_of(b"".join(parts), "COMPOUND_TEXT"), str)
