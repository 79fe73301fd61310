"""A game's profile: what is written is read again, and what nobody can have meant is told in one line."""

import re
import shutil
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import TwoframeError
from agent.frames import Box, FrameSpec
from agent.live.game_profile import MAX_BYTES, GameProfile, free_path
from agent.live.place import Place
from agent.recording.window_marks import WindowMarks
from collect.cli import main, read
from collect.options import CollectOptions, Plan, place_of

FULL = GameProfile(
    title='My "Game" \\ 1',
    window_class="Game",
    program="game",
    keys=("left=a", "jump=w+space", "none="),
    default="left",
    size="64x48",
    color="rgb",
    fps=12.5,
    crop="8,0,300,200",
    crop_of="320x240",
    hotkeys=("pause=f7",),
)
ASKED = ("left=a", "right=d")


@pytest.mark.parametrize("profile", [FULL, GameProfile(), GameProfile(title="Größe 東京 \x7f \t")])
def test_what_is_written_is_read_again(profile: GameProfile, tmp_path: Path) -> None:
    path = tmp_path / "runs" / "game.toml"
    profile.write(path)
    assert GameProfile.read(path) == profile
    with pytest.raises(TwoframeError, match="File exists, expected a place for a new file"):
        profile.write(path)


@given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=50))
def test_every_title_is_read_as_it_was_written(title: str) -> None:
    import tomllib

    assert tomllib.loads(GameProfile(title=title).to_toml()) == {"title": title}


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("fps = ", "found no TOML"),
        (b"\xff\xfe", "found no TOML"),
        ("x = " + "[" * 5000, "found no TOML"),
        ("#" * (MAX_BYTES + 1), f"found more than {MAX_BYTES} bytes"),
        ("widht = 3", "found 'widht', expected one of title, class, program, keys"),
        ("title = 3\nfps = true", "title: found 3, expected a text"),
        ("title = 3\nfps = true", "fps: found True, expected a number"),
        (f"title = {'x' * 501!r}", "expected a text of at most 500 letters"),
        ("title = ''", "title: found an empty text"),
        ("class = 'Game'", "found a class or a program without a title"),
        ("keys = 'left=a'", "keys: found 'left=a', expected a list of texts"),
        ("keys = ['left=a']", "actions: found 1, expected 2"),
        ("keys = ['left=a', 'left=b']", "actions: found 'left' twice"),
        ("keys = ['left=hyper', 'b=b']", "key: found 'hyper'"),
        ("keys = ['left=f9', 'b=b']", "--hotkeys: found f9 in the actions too"),
        ("keys = ['left=a', 'b=b']\ndefault = 'up'", "default action: found 'up'"),
        ("size = '1x1'", "expected at least 2x2"),
        ("size = '9999x9999'", "size: found 9999x9999"),
        ("color = 'grey'", "color: found 'grey'"),
        ("fps = nan", "fps: found nan"),
        ("fps = -1", "fps: found -1"),
        (f"fps = {'9' * 400}", "fps: found 99999999999999999999, expected"),
        ("crop = '0,0,0,0'", "crop: found 0x0"),
        ("crop = '0,0,20,20'\ncrop_of = '10x10'", "crop: found 0,0,20,20, expected a part of the 10x10 image"),
        ("crop_of = '10x10'", "crop_of: found it without crop"),
    ],
)
def test_a_profile_that_nobody_can_have_meant_gets_one_line(
    content: str | bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "game.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main([str(tmp_path / "rec"), "--game", str(path)]) == 1
    err = capsys.readouterr().err
    assert err.startswith(f"error: {path}: ")
    assert err.count("\n") == 1
    assert told in err
    assert [each.name for each in tmp_path.iterdir()] == ["game.toml"]


@pytest.mark.parametrize("name", ["nothing.toml", "", "/dev/zero"])
def test_what_is_no_file_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(TwoframeError, match="found no plain file"):
        GameProfile.read(tmp_path / name)


def test_a_profile_says_what_no_flag_does(tmp_path: Path) -> None:
    FULL.write(tmp_path / "game.toml")
    words = ["out", "--game", str(tmp_path / "game.toml")]
    options, profile, keys_told = read(words)
    plan = Plan.of(options, profile)
    assert keys_told
    assert (options.size, options.color, options.fps, options.keys) == ("64x48", "rgb", 12.5, FULL.keys)
    assert plan.actions.names[plan.actions.default] == "left"
    assert plan.hotkeys.pause == "f7"
    assert plan.place == Place(title=FULL.title, marks=WindowMarks(None, "Game", "game"))
    assert FrameSpec(*plan.size, "rgb", plan.crop, plan.crop_of).crop_of == (320, 240)

    given = [*words, "--keys", *ASKED, "--default", "right", "--fps", "20", "--crop", "0,0,9,9", "--region", "0,0,9,9"]
    options, profile, keys_told = read(given)
    plan = Plan.of(options, profile)
    assert (options.fps, plan.actions.keys, plan.crop_of) == (20.0, ("a", "d"), None)
    assert plan.place.region == Box(0, 0, 9, 9)
    assert place_of(CollectOptions(window="Other"), profile) == Place("Other", title=FULL.title, marks=FULL.marks)


def test_a_title_alone_is_meant_as_window_is() -> None:
    assert GameProfile(title="Racer").marks == WindowMarks("Racer", None, None)


def test_a_profile_is_never_written_outside_the_folder(tmp_path: Path) -> None:
    assert free_path(tmp_path, "../../etc/Race: 2!").parent == tmp_path
    assert free_path(tmp_path, "東京") == tmp_path / "game.toml"
    (tmp_path / "game.toml").touch()
    assert re.fullmatch(r"game-2\.toml", free_path(tmp_path, "").name)


def test_a_full_disk_leaves_no_half_of_a_profile(small_disk: Path) -> None:
    (small_disk / "filling").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    with pytest.raises(TwoframeError, match="expected a place for a new file"):
        FULL.write(small_disk / "game.toml")
    assert [path.name for path in small_disk.iterdir()] == ["filling"]
