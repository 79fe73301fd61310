"""`collect OUT` at a terminal without a window or keys: it asks, hears keys in the game, shows the picture, begins."""

import re
import shlex
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path

import pytest
import tyro
from conftest import NEEDS_TK, PATIENCE_S, Start, ended, wait_for
from recordings import wait_for_frames
from rich.console import Console
from terminals import Terminal, at
from told_game import ToldGame
from x11_person import Person
from x11_windows import handle_of
from Xlib import X
from Xlib.ext import xtest

from agent.command_line.flags import FLAGS
from agent.errors import TwoframeError, UsageError
from agent.frames import Box
from agent.live.game_profile import GameProfile
from agent.live.hotkeys import Hotkeys
from agent.recording.key_log import Change
from agent.recording.reader import Recording
from agent.screen.window import listed_windows, words_for
from collect.cli import read
from collect.options import CollectOptions, flags_of
from collect.questions.keys import HEARD, LOOK_S, NONE, Chords, _names
from collect.questions.proposals import LEAST_PIXELS, Measured, pixels_left, proposed_size
from collect.questions.start import ask
from games.window.display import VirtualDisplay

PICTURE = "twoframe: what is recorded"
CTRL_C, CTRL_D = b"\x03", b"\x04"


@pytest.fixture(autouse=True)
def on_the_virtual_display(display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISPLAY", display.name)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.fixture
def person(display: VirtualDisplay) -> Iterator[Person]:
    with Person(display.name) as person:
        yield person


class Talk:
    """What is shown at a terminal from the last answer on, and the answers."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._seen = 0

    def wait(self, text: str) -> str:
        """Until `text` is shown; gives what came before it."""
        found = wait_for(lambda: self._terminal.shown.find(text, self._seen) + 1, f"{text!r}") - 1
        before = self._terminal.shown[self._seen : found]
        self._seen = found + len(text)
        return before

    def answer(self, question: str, answer: str = "") -> None:
        self.wait(question)
        self._terminal.type(f"{answer}\n".encode())


@contextmanager
def pressed(person: Person, *keys: str) -> Iterator[None]:
    for key in keys:
        person.press(key)
    yield
    for key in reversed(keys):
        person.release(key)


def tap(person: Person, *keys: str) -> None:
    with pressed(person, *keys):
        pass


def drag(display: VirtualDisplay, *points: tuple[int, int]) -> None:
    """With the left button from the first of the points to the last; of one point a click."""
    with display.connection() as connection:

        def send(kind: int, detail: int = 0, **place: int) -> None:
            xtest.fake_input(connection, kind, detail, **place)
            connection.sync()

        send(X.MotionNotify, x=points[0][0], y=points[0][1])
        send(X.ButtonPress, 1)
        for x, y in points[1:]:
            send(X.MotionNotify, x=x, y=y)
        send(X.ButtonRelease, 1)


def place_of(title: str) -> Box | None:
    return next((window.box for window in listed_windows() if window.title == title), None)


def meant_by(words: str) -> CollectOptions:
    return tyro.cli(CollectOptions, args=shlex.split(words)[1:], registry=FLAGS)


@NEEDS_TK
@pytest.mark.slow(12)
def test_a_new_user_is_asked_for_everything_and_it_records_what_was_said(
    start: Start, counter: Path, display: VirtualDisplay, person: Person, terminal: Terminal, tmp_path: Path
) -> None:
    talk, rec = Talk(terminal), tmp_path / "runs" / "first"
    with at(terminal, "collect", rec, "--countdown-s", "0", **display.env) as process:
        talk.wait("'Counter', 640x360, python")
        talk.answer("Its number", "9")
        talk.wait("found '9', expected a number from 1 to")
        talk.answer("Its number", "1")
        for wrong, why in (
            ("left left", "found 'left' twice"),
            ("left jump=hyper", "found 'hyper', expected the name of a key"),
            ("left jump=f9", "jump: its chord holds f9"),
            ("", "found nothing"),
        ):
            talk.answer("Their names", wrong)
            talk.wait(why)
        talk.answer("Their names", "left jump")
        talk.answer("Is holding no key at all a choice, too?", "")
        talk.wait("left: press its keys in the game")
        tap(person, "enter")  # in a menu
        talk.wait("jump: press its keys in the game")
        tap(person, "f9")
        talk.wait("from the beginning")
        talk.wait("left: press its keys in the game")
        tap(person, "a")
        talk.wait("jump: press its keys in the game")
        for keys, why in ((["a"], "a is left already"), (["f10"], "f10 holds f10, which pauses, ends")):
            tap(person, *keys)
            talk.wait(why)
        tap(person, "a", "space")
        talk.answer("left=a jump=a+space none=: is that right?", "y")

        talk.answer("cut out a part of it with the mouse?", "y")
        place = wait_for(lambda: place_of(PICTURE), "the picture")
        left, top = place.left + 8, place.top + 100
        drag(display, (left, top), (left + 50, top + 50), (left + 320, top + 160))
        done = (place.left + place.width - 40, place.top + place.height - 25)
        wait_for(lambda: drag(display, done) or place_of(PICTURE) is None, "the end of the picture")
        talk.answer("Size of the recorded pictures", "1x1")
        talk.wait("found '1x1', expected at least 2x2")
        talk.answer("Size of the recorded pictures", "64x32")
        talk.answer("gray, or rgb", "blue")
        talk.wait("found 'blue', expected gray or rgb")
        talk.answer("gray, or rgb", "")
        talk.answer("can be held.\r\nPictures a second", "0")
        talk.wait("found 0, expected more than 0")
        talk.answer("Pictures a second", "25")
        talk.answer("Keep these answers for other times", "y")
        talk.wait("The same without questions, with a new folder for each recording:")
        command = talk.wait("--game").strip().splitlines()[0]
        with handle_of(display, "Counter") as window:
            window.activate()
        wait_for_frames(rec, 10)
        with pressed(person, "a", "space"):
            wait_for_frames(rec, 5)
        terminal.type(CTRL_C)
        assert process.wait(PATIENCE_S) == 0
        talk.wait("not enough yet: 0.0 minutes")

    recording = Recording.open(rec)
    frame = recording.meta.frame
    assert str(recording.meta.actions) == "left=a jump=a+space none="
    assert (frame.width, frame.height, frame.color, recording.meta.fps) == (64, 32, "gray", 25.0)
    assert frame.crop_of == (640, 360)
    assert frame.crop is not None and 300 <= frame.crop.width <= 640 and 100 <= frame.crop.height < 360
    assert recording.keys.any()

    typed = meant_by(command)
    assert (typed.window, typed.keys) == ("Counter", ("left=a", "jump=a+space", "none="))
    assert (typed.crop, typed.size, typed.fps) == (str(frame.crop), "64x32", 25.0)
    profile = GameProfile.read(tmp_path / "runs" / "counter.toml")
    assert (profile.title, profile.crop_of) == ("Counter", "640x360")
    assert profile.program is not None and "counter" in profile.program
    assert sorted(path.name for path in (tmp_path / "runs").iterdir()) == ["counter.toml", "first"]

    again = ("--game", tmp_path / "runs" / "counter.toml", "--fps", "10", "--countdown-s", "0", "--duration-s", "0.5")
    assert ended(start("collect", tmp_path / "again", *again))[0] == 0
    meta = Recording.open(tmp_path / "again").meta
    assert (meta.frame, meta.actions, meta.fps) == (frame, recording.meta.actions, 10.0)  # the flag wins


@pytest.mark.parametrize("leaving", ["Ctrl-C", "Ctrl-D", "the game ends"])
def test_who_leaves_the_questions_leaves_nothing_behind_and_gets_one_line(
    leaving: str, display: VirtualDisplay, terminal: Terminal, tmp_path: Path
) -> None:
    talk = Talk(terminal)
    with ToldGame(display, tmp_path, "Racer") as game:
        with at(terminal, "collect", tmp_path / "runs" / "rec", "--window", "Racer", **display.env) as process:
            talk.answer("Their names", "left right")
            talk.wait("Is holding no key at all a choice, too?")
            if leaving == "Ctrl-D":
                terminal.type(CTRL_D)
                status, line = 1, "error: terminal: found its end (Ctrl-D), expected an answer"
            elif leaving == "Ctrl-C":
                terminal.type(CTRL_C)
                status, line = 130, "interrupted"
            else:
                terminal.type(b"n\n")
                talk.wait("left: press its keys")
                game.tell("close")
                game.process.kill()
                status, line = 1, "error: window: found it closed meanwhile"
            assert process.wait(PATIENCE_S) == status
    talk.wait(line)
    assert not (tmp_path / "runs").exists()
    assert "Traceback" not in terminal.shown


@pytest.mark.slow(8)
def test_keys_pressed_outside_the_game_are_not_taken_and_the_window_that_is_clicked_into_is(
    display: VirtualDisplay, person: Person, terminal: Terminal, tmp_path: Path
) -> None:
    talk = Talk(terminal)
    with ToldGame(display, tmp_path, "Racer"), ToldGame(display, tmp_path, "Walker", name="walker.py"):
        with at(terminal, "collect", tmp_path / "rec", **display.env) as process:
            talk.answer("Its number", "")
            talk.wait("looking starts in")
            with handle_of(display, "Racer") as racer, handle_of(display, "Walker") as walker:
                racer.activate()
                talk.wait("the game is 'Racer'")
                walker.activate()
                talk.answer("Their names", "left none")
                talk.wait("(the window is unfocused: click into the game)")
                talk.wait("left: press its keys")
                tap(person, "w")
                with pressed(person, "d"):  # on the way into the game
                    racer.activate()
                    for _ in range(20):
                        tap(person, "a")
                        time.sleep(LOOK_S)
                wait_for(lambda: tap(person, "a") or "left = " in terminal.shown, "a key heard in the game")
                talk.answer("left=a none=: is that right?", "n")
                talk.wait("Their names")
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE_S) == 130


@pytest.mark.parametrize(
    ("flags", "why"),
    [
        ([], "OUT: found nothing"),
        (["rec", "--fps", "0"], "--fps: found 0"),
        (["rec", "--window", "Racer", "--region", "0,0,9,9"], "found --window and --region"),
        (["rec", "--size", "9"], "--size: found '9'"),
        (["rec", "--hotkeys", "pause=f8"], "expected three different keys"),
        (["rec", "--disturb", "99"], "--disturb"),
    ],
)
def test_flags_that_cannot_be_meant_are_told_before_any_question(flags: list[str], why: str) -> None:
    options, profile, keys_told = read(flags)
    told = Console(file=StringIO())
    with pytest.raises(UsageError, match=re.escape(why)):
        ask(options, profile, told, keys_told=keys_told)
    assert told.file.getvalue() == ""


def test_without_a_terminal_nothing_is_asked(start: Start, tmp_path: Path) -> None:
    status, out, err = ended(start("collect", tmp_path / "rec"))
    assert (status, out) == (2, "")
    assert err == "error: found neither --window nor --region, expected where the game is; see collect --help\n"


def test_a_chord_is_what_went_down_before_all_was_up_again() -> None:
    def ended_by(chords: Chords, *changes: str) -> list[set[str]]:
        found = [chords.changed(Change(0, text[1:], down=text[0] == "+")) for text in changes]
        return [set(chord) for chord in found if chord]

    chords = Chords()
    assert ended_by(chords, "+a", "-a", "+w", "+space", "-w", "+d", "-d", "-space") == [{"a"}, {"w", "space", "d"}]
    assert ended_by(chords, "-tab", "-alt") == []  # pressed elsewhere, to come into the game
    assert ended_by(chords, "+a", "+alt") == []
    chords.lost()
    assert ended_by(chords, "-a", "-alt", "+d", "-d") == [{"d"}]


def test_names_are_checked_before_a_key_is_pressed() -> None:
    assert _names(Hotkeys(), "left, right none") == ("left", "right", f"{NONE}=")
    assert _names(Hotkeys(), "jump") == ("jump",)  # with none it may do
    assert _names(Hotkeys(), "left=a jump") == ("left=a", "jump")
    for text, why in (("a b=x c=x", "same keys"), ("a.b c", "action name"), ("none rest= a", "same keys")):
        with pytest.raises(TwoframeError, match=re.escape(why)):
            _names(Hotkeys(), text)
    assert {"a", "space", "left", "shift", "f12", "numpad_5"} < set(HEARD)


def test_the_size_proposed_has_the_shape_of_the_part_and_shows_the_smallest_thing() -> None:
    assert proposed_size((640, 480), None) == (160, 120)
    assert proposed_size((1280, 720), None) == (184, 104)
    assert proposed_size((40, 24), None) == (40, 24)  # never larger than what is there
    ball, window = (8, 10), (640, 480)
    assert pixels_left(ball, window, (160, 120)) < LEAST_PIXELS
    assert pixels_left(ball, window, proposed_size(window, ball)) >= LEAST_PIXELS
    assert proposed_size((640, 480), (1, 1)) == (320, 240)


def test_the_rate_proposed_leaves_half_of_the_time() -> None:
    def measured(*took_ms: float) -> Measured:
        return Measured(None, took_ms, is_still=False)  # type: ignore[arg-type]

    assert (measured(1.0, 2.0).holds_hz, measured(1.0, 2.0).rate_hz) == (60.0, 20.0)
    assert (measured(40.0, 40.0).holds_hz, measured(40.0, 40.0).rate_hz) == (10.0, 10.0)


def test_the_command_line_that_is_printed_means_what_was_said() -> None:
    options = CollectOptions(
        Path("my runs/first"),
        window="A 'game' of $5",
        keys=("left=left", "jump=w+space", "none="),
        fps=12.5,
        crop="3,0,10,20",
        disturb=30.0,
        color="rgb",
        hotkeys=("pause=f7",),
    )
    for each in (options, CollectOptions(Path("x"), region="-100,0,20,20"), CollectOptions(Path("x"), pick=True)):
        assert tyro.cli(CollectOptions, args=flags_of(each), registry=FLAGS) == each


def test_a_window_is_named_by_its_title_where_that_means_it_alone(display: VirtualDisplay, tmp_path: Path) -> None:
    with ToldGame(display, tmp_path, "Racer") as racer, ToldGame(display, tmp_path, "Racer 2", name="b.py") as other:
        assert (words_for(racer.window_id), words_for(other.window_id)) == ("Racer", "Racer 2")
        other.tell("title", "Racer")
        assert {words_for(racer.window_id), words_for(other.window_id)} == {
            f"{racer.window_id:#x}",
            f"{other.window_id:#x}",
        }
