"""Training data of the pygta5 tutorial: what numpy saved is read, and nothing that a hostile file holds is run."""

import builtins
import io
import os
import pickle
import pickletools
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from agent.recording.reader import Recording
from collect.recordings.cli import main

PROTOCOLS = range(6)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, 12, 16)).astype(np.uint8)
LABELS = np.array([0, 1, 2, 1, 1, 0])


def pairs(row: Callable[[int], Any] = lambda label: [int(label == n) for n in range(3)]) -> np.ndarray:
    """What `numpy.save` makes of the tutorial's list: (6, 2) objects, a picture and its row in each."""
    made = np.empty((6, 2), object)
    for t in range(6):
        made[t, 0], made[t, 1] = IMAGES[t], row(int(LABELS[t]))
    return made


def saved(path: Path, value: Any, protocol: int = 4) -> Path:
    """As `numpy.save` writes an array of objects, by any protocol: older versions of numpy had 2 and 3."""
    return pickled(path, pickle.dumps(value, protocol))


def pickled(path: Path, content: bytes) -> Path:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "|O", "fortran_order": False, "shape": (6, 2)})
    path.write_bytes(header.getvalue() + content)
    return path


def imported(source: Path, *flags: str) -> Recording:
    out = source.parent / "rec"
    assert main(["import", str(source), "--from", "pygta5", "--out", str(out), "--fps", "20", *flags]) == 0
    return Recording.open(out)


def check(ours: Recording) -> None:
    assert (ours.frames[..., 0] == IMAGES).all()
    assert ours.meta.actions.actions_of(ours.keys, ours.meta.keys).tolist() == LABELS.tolist()
    assert str(ours.meta.actions) == "left=a forward=w right=d"
    assert np.diff(ours.captured_ns).tolist() == [50_000_000] * 5
    assert ours.meta.imported
    assert ours.meta.imported.losses == ("times", "key_events")


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_numpy_saved_is_read_by_every_protocol(protocol: int, tmp_path: Path) -> None:
    check(imported(saved(tmp_path / "training_data.npy", pairs(), protocol)))


@pytest.mark.parametrize("core", [b"numpy.core.multiarray", b"numpy._core.multiarray"])
def test_what_older_and_newer_numpy_saved_is_read(core: bytes, tmp_path: Path) -> None:
    content = pickle.dumps(pairs(), 2)
    found = next(name for name in (b"numpy.core.multiarray", b"numpy._core.multiarray") if name in content)
    check(imported(pickled(tmp_path / "training_data.npy", content.replace(found, core))))


@pytest.mark.parametrize(
    "row",
    [
        lambda label: np.eye(3)[label],
        lambda label: list(np.eye(3, dtype=np.int64)[label]),
        lambda label: tuple(np.eye(3, dtype=np.float32)[label].tolist()),
    ],
    ids=["array", "numpy's numbers", "tuple"],
)
def test_rows_of_every_kind_of_number_are_read(row: Callable[[int], Any], tmp_path: Path) -> None:
    np.save(tmp_path / "training_data.npy", pairs(row), allow_pickle=True)
    check(imported(tmp_path / "training_data.npy"))


def test_numbered_files_are_read_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for n, part in ((10, slice(4, 6)), (9, slice(2, 4)), (1, slice(0, 2))):
        np.save(tmp_path / f"training_data-{n}.npy", pairs()[part], allow_pickle=True)
    assert main(["import", str(tmp_path), "--from", "pygta5", "--out", str(tmp_path / "rec"), "--fps", "20"]) == 0
    check(Recording.open(tmp_path / "rec"))


def test_pictures_and_rows_in_files_of_their_own_are_read_and_nine_actions_are_known(tmp_path: Path) -> None:
    for name in ("data", "target"):
        (tmp_path / name).mkdir()
    color = np.repeat(IMAGES[..., None], 3, axis=3)
    np.save(tmp_path / "data" / "training_data-1.npy", color)
    np.save(tmp_path / "target" / "target_data-1.npy", np.eye(9, dtype=np.int64)[[0, 4, 8, 7, 2, 3]])
    assert main(["import", str(tmp_path), "--from", "pygta5", "--out", str(tmp_path / "rec"), "--fps", "20"]) == 0
    ours = Recording.open(tmp_path / "rec")
    assert (ours.frames == color).all()
    held = [{key for key, down in zip(ours.meta.keys, row, strict=True) if down} for row in ours.keys]
    assert held == [{"w"}, {"w", "a"}, set(), {"s", "d"}, {"a"}, {"d"}]


class Runs:
    """Pickled, a call of `function`: what it does shows whether it was run."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self._call = (function, arguments)

    def __reduce__(self) -> Any:
        return self._call


def by_global(module: str, name: str, *arguments: str) -> bytes:
    """The call of a name by hand, as an attacker writes it: no need to have it here."""
    said = b"".join(b"X" + len(a.encode()).to_bytes(4, "little") + a.encode() for a in arguments)
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + b"(" + said + b"tR."


@cache
def exploits(mark: str) -> dict[str, bytes]:
    """Pickles that leave the file `mark`, or would if the machine had what they call."""
    touch = f"touch {mark}"
    python = f"open({mark!r}, 'w').close()"
    inner = np.empty(1, object)
    inner[0] = Runs(os.system, touch)
    nested = pairs()
    nested[3, 1] = [0, Runs(builtins.eval, python), 0]
    deep = pairs()
    deep[0, 0] = inner
    dotted = f"\x80\x04\x8c\x16agent.recording.writer\x8c\x09os.system\x93\x8c{chr(len(touch))}{touch}\x85R."
    made = {}
    for protocol in PROTOCOLS:
        made[f"os.system {protocol}"] = pickle.dumps(Runs(os.system, touch), protocol)
        made[f"among the rows {protocol}"] = pickle.dumps(nested, protocol)
        made[f"in an array in the array {protocol}"] = pickle.dumps(deep, protocol)
    made |= {
        "eval": pickle.dumps(Runs(builtins.eval, python)),
        "exec": pickle.dumps(Runs(builtins.exec, python)),
        "subprocess": pickle.dumps(Runs(subprocess.Popen, ["touch", mark])),
        "py2 builtins": by_global("__builtin__", "eval", python),
        "posix": by_global("posix", "system", touch),
        "f2py": by_global("numpy.f2py.crackfortran", "getlincoef", python, "x"),
        "testing": by_global("numpy.testing._private.utils", "runstring", python, "{}"),
        "memmap": by_global("numpy", "memmap", mark, "uint8", "w+"),
        "fromfile": by_global("numpy", "fromfile", "/etc/passwd"),
        "load": by_global("numpy", "load", "/etc/passwd"),
        "import": by_global("builtins", "__import__", "antigravity"),
        "dotted": dotted.encode("latin-1"),
        "attribute of a class": by_global("numpy", "ndarray.tofile", mark),
        "codecs": by_global("_codecs", "encode", "text", "rot13"),
        "inst": b"(S'" + touch.encode() + b"'\nios\nsystem\n.",
        "obj": b"(cos\nsystem\nS'" + touch.encode() + b"'\no.",
        "newobj": b"\x80\x02cnumpy\nndarray\n)\x81.",
        "newobj_ex": b"\x80\x04cnumpy\nndarray\n)}\x92.",
        "extension": b"\x80\x02\x82\x01.",
        "persistent": b"Pmark\n.",
        "state of a function": b"\x80\x02cnumpy._core.multiarray\n_reconstruct\nK\x01b.",
        "state of a class": b"\x80\x02cnumpy\nndarray\nK\x01b.",
        "attributes": b"\x80\x02cnumpy\nndarray\n}X\x03\x00\x00\x00setK\x01sb.",
        "call of an array": b"\x80\x02cnumpy\nndarray\n)R.",
        "number that is an object": b"\x80\x02cnumpy._core.multiarray\nscalar\ncnumpy\ndtype\nX\x02\x00\x00\x00O8"
        b"\x85RC\x08AAAAAAAA\x86R.",
        "huge shape": pickle.dumps(pairs(), 2).replace(b"K\x0cK\x10\x86", b"J\xff\xff\xff\x7fK\x10\x86"),
        "huge memo": b"\x80\x02]r\xff\xff\xff\x7f0X\x01\x00\x00\x00x.",
        "huge string": b"\x80\x04\x8e" + (2**62).to_bytes(8, "little") + b"x.",
        "huge number": b"\x80\x02\x8b\xff\xff\xff\x7f1.",
        "itself": b"\x80\x02]q\x00h\x00a.",
        "lists of lists": b"\x80\x04"
        + b"".join(b"]\x94(" + (b"K\x01" if n == 0 else b"h" + bytes([n - 1])) * 3000 + b"e" for n in range(4))
        + b".",
        "deep": b"\x80\x02" + b"]" * 5000 + b"a" * 4999 + b".",
        "empty": b"",
        "no end": pickle.dumps(pairs())[:-1],
        "half": pickle.dumps(pairs())[:300],
        "text": b"\x80\x04\x8c\x04text.",
    }
    return made


# By which of the rules each is refused, where several would do it.
BY_NAME = ("os.", "among", "in an", "eval", "exec", "sub", "py2", "posix", "f2py", "test", "mem", "from", "load", "imp")
RULES = {
    **dict.fromkeys((*BY_NAME, "obj", "dotted", "attribute of"), "(the name "),
    **dict.fromkeys(("inst", "newobj", "extension", "persistent", "attributes"), "(the instruction "),
    "codecs": "(text that is no bytes",
    "state": "(the state of something else",
    "call": "(a call of something else",
}


@pytest.mark.parametrize("name", exploits("mark"))
def test_a_hostile_pickle_is_one_line_and_nothing_in_it_is_run(
    name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    source = pickled(tmp_path / "training_data.npy", exploits("mark")[name])
    assert main(["import", str(source), "--from", "pygta5", "--out", str(tmp_path / "rec"), "--fps", "20"]) == 1
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"error: {source}: found something that numpy does not save")
    assert said.err.count("\n") == 1
    assert next((rule for start, rule in RULES.items() if name.startswith(start)), "") in said.err
    assert [path.name for path in tmp_path.iterdir()] == ["training_data.npy"]


@pytest.mark.skipif(sys.platform == "win32", reason="they call touch")
def test_the_exploits_that_can_run_here_do_run_where_nothing_holds_them(tmp_path: Path) -> None:
    """Else the test above could not fail."""
    for name in (
        "os.system 0",
        "among the rows 5",
        "in an array in the array 2",
        "eval",
        "exec",
        "posix",
        "inst",
        "obj",
    ):
        mark = tmp_path / f"mark {name}".replace(" ", "-")
        pickle.loads(exploits(str(mark))[name])  # noqa: S301
        assert mark.exists(), name


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (pairs(lambda label: [0, 0, 0]), "not one-hot"),
        (pairs(lambda label: [1, 1, 0]), "not one-hot"),
        (pairs(lambda label: [0, 10**30, 0]), "not one-hot"),
        (pairs(lambda label: [1]), "rows of 1 numbers"),
        (pairs(lambda label: [[1, 0, 0]]), "neither pairs nor rows"),
        (pairs(lambda label: [1] * (label + 1)), "something else than pairs"),
        (np.array([[1, 2]] * 6, object), "something else than pairs"),
        (np.array([[np.zeros((2, 2), np.float64), [1, 0, 0]]] * 6, object), "expected pictures: uint8"),
        (np.array([[np.zeros((2, 5000), np.uint8), [1, 0, 0]]] * 6, object), "at most 4096"),
    ],
)
def test_training_data_that_cannot_be_is_said(
    value: Any, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = saved(tmp_path / "training_data.npy", value)
    assert main(["import", str(source), "--from", "pygta5", "--out", str(tmp_path / "rec"), "--fps", "20"]) == 1
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert not (tmp_path / "rec").exists()


def test_as_many_actions_are_named_as_rows_have_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = saved(tmp_path / "training_data.npy", pairs())
    command = ["import", str(source), "--from", "pygta5", "--out", str(tmp_path / "rec"), "--fps", "20", "--keys"]
    assert main([*command, "left=left", "right=right"]) == 1
    assert "expected 2, one for each action that --keys names" in capsys.readouterr().err
    assert main([*command, "left=left", "none=", "right=right"]) == 0
    assert Recording.open(tmp_path / "rec").pressed == {"left", "right"}


def test_every_pickle_that_numpy_writes_is_made_of_what_is_allowed() -> None:
    from collect.foreign.pickled import _INSTRUCTIONS

    for protocol in PROTOCOLS:
        used = {each[0].name for each in pickletools.genops(pickle.dumps(pairs(), protocol))}
        assert used <= set(_INSTRUCTIONS.split()), protocol
