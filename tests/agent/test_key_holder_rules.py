"""The rules of the key holder, with a clock moved by hand and keys that nobody hears; and what every emitter keeps."""

from collections.abc import Callable, Collection, Iterator

import pytest
from x11_person import KeyWindow

from agent.errors import TwoframeError
from agent.keyboard.emitter import Emitter
from agent.keyboard.key_holder_process import BEAT_S, ExpiringKeys, run
from agent.keyboard.silence import HUNG_S, NAP_S, SILENT_S, Silence
from agent.keyboard.x11_emitter import X11Emitter
from games.window.display import VirtualDisplay

KEYS = ("a", "d", "w", "shift")
MS = 1_000_000


class FakeEmitter:
    """Keys of a game in window 1, which has the focus unless told otherwise."""

    def __init__(self) -> None:
        self.down: set[str] = set()
        self.log: list[str] = []
        self.focus: int | None = 1

    def press(self, keys: Collection[str], window_id: int | None = None) -> bool:
        if window_id is not None and not self.is_focused(window_id):
            return False
        self.log += [f"+{key}" for key in keys]
        self.down |= set(keys)
        return True

    def release(self, keys: Collection[str]) -> None:
        self.log += [f"-{key}" for key in keys]
        self.down -= set(keys)

    def person_holds(self, keys: Collection[str]) -> None:
        self.log += [f"*{key}" for key in sorted(keys)]

    def is_focused(self, window_id: int) -> bool:
        return self.focus == window_id

    def focused_window(self) -> int | None:
        return self.focus

    def close(self) -> None:
        pass


class Bench:
    """A holder of window 1 with a fake emitter, on a clock that stands still."""

    def __init__(self, window_id: int | None = 1) -> None:
        self.now_ns = 10**12
        self.emitter = FakeEmitter()
        self.said: list[str] = []
        self.holder = ExpiringKeys(KEYS, window_id, self.emitter, self.said.append, lambda: self.now_ns)

    def word(self, keys: str, expiry_ms: int = 200, window: str = "") -> bytes:
        return f"{self.now_ns + expiry_ms * MS}{window} {keys}\n".encode()

    def hear(self, keys: str) -> None:
        self.holder.hear(self.word(keys))

    def wait(self, ms: int) -> None:
        self.now_ns += ms * MS
        self.holder.look_after()


def test_difference_is_applied_and_releases_come_first() -> None:
    bench = Bench()
    for keys in ("a w", "w d", "w d", ""):
        bench.hear(keys)
    assert bench.emitter.log == ["+a", "+w", "-a", "+d", "-w", "-d"]


def test_modifiers_are_pressed_first_and_released_last() -> None:
    bench = Bench()
    bench.hear("a shift")
    bench.hear("")
    assert bench.emitter.log == ["+shift", "+a", "-a", "-shift"]


def test_keys_go_up_when_no_word_follows_and_stay_down_while_words_do() -> None:
    bench = Bench()
    for _ in range(10):
        bench.hear("a")
        bench.wait(199)
    assert bench.emitter.log == ["+a"]
    bench.wait(1)
    assert bench.emitter.log == ["+a", "-a"]


def test_newest_word_counts_and_older_ones_are_skipped() -> None:
    bench = Bench()
    bench.holder.hear(bench.word("a") + bench.word("d") + bench.word("w"))
    assert bench.emitter.log == ["+w"]


def test_key_let_go_of_between_two_words_is_pressed_again_though_they_came_together() -> None:
    bench = Bench()
    bench.hear("a d")
    bench.holder.hear(bench.word("d w") + bench.word("a d"))
    assert bench.emitter.log == ["+a", "+d", "-a", "+a"]


def test_what_a_person_holds_is_known_before_anything_is_let_go_of() -> None:
    bench = Bench()
    bench.hear("a d")
    bench.holder.hear(bench.word("a") + bench.word("*a *shift"))
    assert bench.emitter.log == ["+a", "+d", "*a", "*shift", "-d", "-a"]


def test_word_that_arrives_late_presses_nothing_and_lets_go() -> None:
    bench = Bench()
    bench.hear("a")
    bench.holder.hear(bench.word("d", expiry_ms=0))
    assert bench.emitter.log == ["+a", "-a"]


def test_word_may_arrive_in_pieces() -> None:
    bench = Bench()
    word = bench.word("a d")
    for i in range(len(word)):
        assert bench.emitter.log == []
        bench.holder.hear(word[i : i + 1])
    assert bench.emitter.log == ["+a", "+d"]


@pytest.mark.parametrize(
    "word",
    [
        b"junk a\n",
        b" a\n",
        b"\n",
        b"-5 a\n",
        b"1e9 a\n",
        b"10 q\n",
        b"10 a,d\n",
        b"10 *q\n",
        b"10@x a\n",
        b"\xff\xfe\n",
        b"x" * 5000,
    ],
)
def test_malformed_word_is_refused(word: bytes) -> None:
    bench = Bench()
    with pytest.raises(TwoframeError, match="key holder: found"):
        bench.holder.hear(word)
    assert bench.emitter.log == []


def test_word_for_longer_than_a_second_is_refused() -> None:
    bench = Bench()
    with pytest.raises(TwoframeError, match=r"found a word for the next 1\.5 s"):
        bench.holder.hear(bench.word("a", expiry_ms=1500))


def test_nothing_is_pressed_without_focus_and_the_loop_is_told() -> None:
    bench = Bench()
    bench.emitter.focus = 2
    bench.hear("a")
    bench.hear("a")
    assert (bench.emitter.log, bench.said) == ([], ["refused"])
    bench.emitter.focus = 1
    bench.hear("a")
    assert (bench.emitter.log, bench.said) == (["+a"], ["refused", "pressed"])


def test_keys_go_up_as_soon_as_the_focus_has_left() -> None:
    bench = Bench()
    bench.hear("a")
    assert bench.holder.patience_s == pytest.approx(0.01)  # so long it waits before it looks
    bench.emitter.focus = None
    bench.wait(10)
    assert (bench.emitter.log, bench.said) == (["+a", "-a"], ["refused"])
    assert bench.holder.patience_s is None


def test_refused_press_lets_go_of_the_rest_too() -> None:
    bench = Bench()
    bench.hear("a")
    bench.emitter.focus = 2
    bench.hear("a d")
    assert bench.emitter.log == ["+a", "-a"]


def test_word_for_another_window_lets_go_of_what_went_down_in_the_one_before() -> None:
    bench = Bench()
    bench.hear("a d")
    bench.emitter.focus = 2
    bench.holder.hear(bench.word("a", window="@2"))
    assert (bench.emitter.log, bench.said) == (["+a", "+d", "-d", "-a", "+a"], [])
    bench.emitter.focus = 1
    bench.wait(10)
    assert bench.emitter.down == set()
    bench.holder.hear(bench.word("a", window="@2"))
    assert (bench.emitter.down, bench.said) == (set(), ["refused"])
    bench.holder.hear(bench.word("a", window="@1") + bench.word("a", window="@2"))
    assert bench.emitter.down == set()


def test_region_has_no_focus_to_ask_for() -> None:
    bench = Bench(window_id=None)
    bench.emitter.focus = None
    bench.hear("a")
    assert bench.emitter.log == ["+a"]
    assert bench.holder.patience_s == pytest.approx(0.05)  # so long it waits before it says that it lives


@pytest.mark.parametrize("end", [None, b"nonsense\n"])
def test_run_leaves_no_key_down_however_it_ends(end: bytes | None) -> None:
    bench = Bench()
    received = [bench.word("a d"), end]

    class Script:
        def read(self, timeout_s: float | None) -> bytes | None:
            return received.pop(0)

    if end is None:
        run(bench.holder, Script())
    else:
        with pytest.raises(TwoframeError):
            run(bench.holder, Script())
    assert bench.emitter.down == set()


def test_keys_of_a_press_that_failed_half_way_are_released() -> None:
    bench = Bench()

    class Failing(FakeEmitter):
        def press(self, keys: Collection[str], window_id: int | None = None) -> bool:
            super().press(["a"])
            raise TwoframeError("the X server is gone, nearly")

    bench.holder = ExpiringKeys(KEYS, 1, bench_emitter := Failing(), bench.said.append, lambda: bench.now_ns)
    received = [bench.word("a d")]

    class Script:
        def read(self, timeout_s: float | None) -> bytes | None:
            return received.pop(0)

    with pytest.raises(TwoframeError, match="nearly"):
        run(bench.holder, Script())
    assert bench_emitter.down == set()


def test_every_word_is_answered_and_beats_follow_while_keys_are_held() -> None:
    bench = Bench()
    for keys, beats in (("a d", 3), ("", 0)):
        bench.hear(keys)
        bench.holder.answer()
        for _ in range(int(3 * BEAT_S * 1000 / 10)):
            bench.wait(10)
            bench.holder.answer()
        told = list(bench.said)
        bench.said.clear()
        assert told == [f"heard {1 if keys else 2} {len(keys.split())}"] * (1 + beats)


def test_answers_come_when_what_was_asked_is_done() -> None:
    bench = Bench()
    received = [bench.word("a") + bench.word("a d"), b"", None]
    done: list[int] = []

    class Script:
        def read(self, timeout_s: float | None) -> bytes | None:
            return received.pop(0)

    bench.holder = ExpiringKeys(
        KEYS, 1, bench.emitter, lambda said: done.append(len(bench.emitter.down)), lambda: bench.now_ns
    )
    run(bench.holder, Script())
    assert done == [2]


def naps(silence: Silence, seconds: float) -> None:
    for _ in range(round(seconds / NAP_S)):
        silence.napped()


def test_holder_that_owes_nothing_may_be_silent() -> None:
    silence = Silence()
    naps(silence, 2 * HUNG_S)
    silence.asked()
    silence.heard(1, 0)
    naps(silence, 2 * HUNG_S)
    assert not silence.is_long
    silence.asked()
    naps(silence, SILENT_S - NAP_S)
    assert not silence.is_long


@pytest.mark.parametrize("held", [0, 1])
def test_silence_of_a_holder_that_owes_an_answer_or_a_beat_is_counted_in_naps(held: int) -> None:
    silence = Silence()
    for _ in range(2):
        silence.asked()
    silence.heard(1 + held, held)  # all of them and it holds a key, or one is not answered
    naps(silence, SILENT_S - NAP_S)
    assert not silence.is_long
    naps(silence, NAP_S)
    assert silence.is_long and not silence.is_final
    silence.heard(2, held)
    assert not silence.is_long
    naps(silence, HUNG_S)
    assert silence.is_final == bool(held)


@pytest.fixture(params=["fake", "x11"])
def emitter(
    request: pytest.FixtureRequest, display: VirtualDisplay, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Emitter, int, Callable[[str], bool]]]:
    """An emitter, the window that has the focus, and how to ask whether a key is down."""
    if request.param == "fake":
        fake = FakeEmitter()
        yield fake, 1, fake.down.__contains__
    else:
        monkeypatch.setenv("DISPLAY", display.name)
        with KeyWindow(display.name) as window:
            window.focus()
            real = X11Emitter(KEYS)
            yield real, window.window_id, window.is_down
            real.close()


def test_emitters_keep_the_same_contract(emitter: tuple[Emitter, int, Callable[[str], bool]]) -> None:
    keyboard, window_id, is_down = emitter
    assert keyboard.is_focused(window_id)
    assert keyboard.focused_window() == window_id
    assert keyboard.press(["a", "d"], window_id) and is_down("a") and is_down("d")
    assert not keyboard.press(["w"], window_id + 1) and not is_down("w")
    assert keyboard.press(["w"]) and is_down("w")
    keyboard.release(["a", "w", "shift"])
    assert not is_down("a") and not is_down("w") and is_down("d")
    keyboard.release(["d"])
    assert not is_down("d")
    keyboard.close()


def test_what_was_held_when_the_machine_was_suspended_has_expired_and_so_has_what_was_said_before() -> None:
    bench = Bench()
    bench.hear("a")
    assert bench.emitter.down == {"a"}
    before = bench.word("a d")
    bench.now_ns += 3600_000 * MS
    bench.holder.look_after()
    assert bench.emitter.down == set()
    bench.holder.hear(before)
    assert bench.emitter.down == set()
    bench.hear("d")
    assert bench.emitter.down == {"d"}
