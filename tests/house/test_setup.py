"""`make setup` on systems whose Python is not one of ours, played by programs that only say what such a system says."""

import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import ROOT

TOOLS = ("sh", "cat", "cksum", "dirname", "env", "grep", "mkdir", "mktemp", "rm", "tail", "tr")
SYSTEM = ("Xvfb", "openbox", "setxkbmap", "xkbcomp", "cc")
LIBRARIES = (
    "libGL.so.1",
    "libglib-2.0.so.0",
    *(f"libxcb-{part}.so.0" for part in ("randr", "render", "shm", "xfixes")),
)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A checkout, and in `bin` the programs of a system whose only Python is 3.14. No system packages are asked for."""
    (tmp_path / "demo").mkdir()
    for name in ("demo/setup.sh", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / "bin").mkdir()
    for tool in TOOLS:
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or f"/bin/{tool}")
    program(tmp_path, "uname", "echo Elsewhere")
    program(tmp_path, "python3", '[ "$1" = --version ] && echo Python 3.14.2')
    return tmp_path


def program(place: Path, name: str, body: str) -> None:
    file = place / "bin" / name
    file.write_text(f"#!/bin/sh\n{body}\n")
    file.chmod(0o755)


def a_python(place: Path, name: str) -> None:
    """One that suits: it makes an environment and installs nothing."""
    makes = f'mkdir -p .venv/bin && cat "$0" >.venv/bin/python && "{shutil.which("chmod")}" +x .venv/bin/python'
    program(
        place,
        name,
        f"""case "$1$2" in
-mvenv) {makes} ;;
-mpip) echo "pip $*" ;;
--version) echo Python 3.13.5 ;;
*) exit 0 ;;
esac""",
    )


def setup(place: Path, *what: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "demo/setup.sh", *what],
        cwd=place,
        env={"PATH": str(place / "bin"), "HOME": str(place / "home")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_without_a_python_of_ours_it_names_what_this_system_can_install(place: Path) -> None:
    done = setup(place)
    assert done.returncode == 1
    assert done.stderr.startswith("error: found Python 3.14.2, expected Python 3.11 to 3.13")
    assert "install pipx and run pipx install uv, then run make again" in done.stderr
    program(place, "apt-get", "exit 1")
    assert "sudo apt-get install pipx && pipx install uv, then" in setup(place).stderr
    program(place, "pipx", "exit 1")
    assert "fetches one: pipx install uv, then" in setup(place).stderr
    (place / "bin" / "python3").unlink()
    assert setup(place).stderr.startswith("error: found no Python, expected")


def test_uv_on_the_path_fetches_a_python(place: Path) -> None:
    a_python(place, "fetched")
    log = place / "log"
    fetched = place / "bin" / "fetched"
    program(
        place,
        "uv",
        f'echo "$*" >>{log}\n'
        f'case "$2" in find) [ -e {place}/has ] && echo {fetched} ;; install) : >{place}/has ;; esac',
    )
    done = setup(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fetching Python 3.13 with uv" in done.stdout
    assert "making the environment in .venv with Python 3.13.5" in done.stdout
    assert "-e .[demo,dev]" in done.stdout
    assert log.read_text().count("python install 3.13") == 1
    assert setup(place).stdout == ""  # a second run finds nothing to do


def test_a_fetch_that_fails_is_told_in_its_last_line(place: Path) -> None:
    program(place, "uv", 'case "$2" in find) exit 2 ;; *) echo no network >&2; exit 1 ;; esac')
    done = setup(place)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: found uv unable to fetch Python 3.13")
    assert not (place / ".venv").exists()


def test_uv_where_pipx_puts_it_is_found_before_the_next_login(place: Path) -> None:
    a_python(place, "fetched")
    program(place, "uv", f"echo {place}/bin/fetched")
    local = place / "home" / ".local" / "bin"
    local.mkdir(parents=True)
    (place / "bin" / "uv").rename(local / "uv")
    assert setup(place).returncode == 0


def test_a_python_of_ours_needs_no_uv(place: Path) -> None:
    a_python(place, "python3.12")
    program(place, "uv", "exit 1")
    done = setup(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert "fetching" not in done.stdout


def a_debian(place: Path, user: int) -> Path:
    """With all that is needed but no other window manager; gives the log of its apt-get."""
    a_python(place, "python3.12")
    program(place, "uname", "echo Linux")
    program(place, "id", f"echo {user}")
    program(place, "ldconfig", f"echo {' '.join(LIBRARIES)}")
    program(place, "apt-get", f'echo "$*" >>{place}/apt')
    for name in SYSTEM:
        program(place, name, "exit 0")
    return place / "apt"


def test_window_managers_and_games_for_the_tests_are_installed_where_that_is_possible(place: Path) -> None:
    apt = a_debian(place, user=0)
    done = setup(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert "installing Tk, window managers and games for the tests: twm dwm i3-wm sway xwayland" in done.stdout
    assert "install -y --no-install-recommends twm dwm i3-wm sway xwayland" in apt.read_text()
    for name in ("twm", "dwm", "i3", "sway", "Xwayland", "madbomber", "slimevolley"):
        program(place, name, "exit 0")
    apt.unlink()
    assert setup(place).returncode == 0
    assert not apt.exists()


def test_a_python_of_the_system_without_tk_gets_it(place: Path) -> None:
    apt = a_debian(place, user=0)
    stub = place / "bin" / "python3.12"
    stub.write_text(stub.read_text().replace("--version)", "'-cimport tkinter') exit 1 ;;\n--version)"))
    done = setup(place)
    assert (done.returncode, done.stderr) == (0, "")
    assert "install -y --no-install-recommends python3.12-tk twm" in apt.read_text()


def test_without_the_right_or_a_way_to_install_them_the_rest_is_set_up_all_the_same(place: Path) -> None:
    apt = a_debian(place, user=1000)
    done = setup(place)
    assert (done.returncode, done.stderr) == (0, "")
    games = [name for name in ("madbomber", "slimevolley") if not Path("/usr/games", name).exists()]  # looked for there
    names = " ".join(("twm dwm i3-wm sway xwayland", *games))
    assert f"the tests that need {names} are skipped; to run them: sudo apt-get install {names}" in done.stdout
    assert not apt.exists()
    program(place, "id", "echo 0")
    program(place, "apt-get", "echo no network; exit 1")
    assert setup(place).returncode == 0


def test_wine_is_installed_only_when_it_is_asked_for_and_its_size_is_named(place: Path) -> None:
    apt = a_debian(place, user=0)
    assert "Wine" not in setup(place).stdout
    apt.unlink()
    done = setup(place, "wine")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "installing Wine: 101 MB to download, 700 MB on disk\n"
    assert "install -y --no-install-recommends wine wine64" in apt.read_text()
    apt.unlink()
    program(place, "wine", "exit 0")
    assert setup(place, "wine").stdout == ""
    assert not apt.exists()


def test_where_wine_cannot_be_installed_one_line_says_what_to_do(place: Path) -> None:
    a_debian(place, user=1000)
    done = setup(place, "wine")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: found no wine, expected it installed; run: sudo apt-get install wine wine64\n"
    program(place, "id", "echo 0")
    program(place, "apt-get", "echo no network; exit 1")
    done = setup(place, "wine")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: found no way to install wine, expected apt-get to")
    (place / "bin" / "apt-get").unlink()
    assert setup(place, "wine").stderr.startswith("error: found no wine, expected it installed; install what")
