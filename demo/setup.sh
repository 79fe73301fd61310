#!/bin/sh
# Makes the project's environment in .venv, and installs the system packages that are missing where that is
# possible (Debian, Ubuntu). Says what it does; a second run finds nothing to do.
#
# `setup.sh wine` installs Wine alone, for the tests of what runs on Windows.
#
# Where the system's Python is none that TensorFlow has been released for, as on the newest Ubuntu, one from uv serves
# as well: uv is a package of Python's own index, and fetches Pythons.
set -eu
cd "$(dirname "$0")/.."
PATH="$PATH:${HOME:-/root}/.local/bin" # where pipx puts uv, also before the next login

fail() {
    echo "error: $1" >&2
    exit 1
}

suits() { # is this a Python the project runs on, with headers to build evdev and with venv?
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null
}

find_python() {
    for python in python3 python3.13 python3.12 python3.11; do
        if suits "$python"; then
            echo "$python"
            return
        fi
    done
    if command -v uv >/dev/null; then
        python=$(uv python find --system '>=3.11,<3.14' 2>/dev/null || true)
        if [ -n "$python" ] && suits "$python"; then
            echo "$python"
        fi
    fi
}

library() { # is this shared library installed?
    { ldconfig -p 2>/dev/null || /sbin/ldconfig -p; } | grep -q "$1"
}

missing_packages() {
    command -v Xvfb >/dev/null || echo xvfb
    command -v openbox >/dev/null || echo openbox
    command -v setxkbmap >/dev/null && command -v xkbcomp >/dev/null || echo x11-xkb-utils
    command -v cc >/dev/null || echo gcc
    [ -e /usr/include/linux/input.h ] || echo linux-libc-dev
    [ -e /usr/include/stdlib.h ] || echo libc6-dev
    library libGL.so.1 || echo libgl1
    library libglib-2.0.so.0 || echo libglib2.0-0
    for part in randr render shm xfixes; do # what mss grabs the screen with
        library "libxcb-$part.so.0" || echo "libxcb-${part}0"
    done
    python=$(find_python)
    if [ -n "$python" ]; then
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        "$python" -c 'import ensurepip, venv' 2>/dev/null || echo "python$version-venv"
        "$python" -c 'import os, sysconfig as s, sys; sys.exit(not os.path.exists(s.get_paths()["include"] + "/Python.h"))' ||
            echo "python$version-dev"
    elif ! command -v python3 >/dev/null && ! command -v uv >/dev/null; then
        echo python3-venv python3-dev
    fi
}

missing_for_tests() { # tests under other window managers than openbox, of games and of Tk's windows are skipped without
    python=$(find_python)
    if [ -n "$python" ] && "$python" -c 'import sys; sys.exit(sys.base_prefix != "/usr")' &&
        ! "$python" -c 'import tkinter' 2>/dev/null; then
        echo "${python##*/}-tk" # the system's Python comes without: the preview, and the window to crop in
    fi
    command -v twm >/dev/null || echo twm
    command -v dwm >/dev/null || echo dwm
    command -v i3 >/dev/null || echo i3-wm
    command -v sway >/dev/null || echo sway # and what makes it a Wayland session for games of X11
    command -v Xwayland >/dev/null || echo xwayland
    for game in madbomber slimevolley; do # Debian puts games where not every PATH looks
        command -v "$game" >/dev/null || [ -x "/usr/games/$game" ] || echo "$game"
    done
}

may_install() { # can this user install system packages? Then $as_root goes before the command
    as_root=""
    [ "$(id -u)" = 0 ] || { sudo -n true 2>/dev/null && as_root="sudo"; }
}

apt_install() {
    log=$(mktemp)
    # shellcheck disable=SC2086 # a list of words
    if { $as_root apt-get update && $as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y --no-install-recommends $1; } >"$log" 2>&1; then
        rm -f "$log"
    else
        tail -n 20 "$log" >&2
        rm -f "$log"
        return 1
    fi
}

install_system_packages() {
    missing=$(missing_packages | tr '\n' ' ')
    [ -n "$missing" ] || return 0
    if ! command -v apt-get >/dev/null; then
        fail "found no $missing, expected them installed; install what your system calls them and run make again"
    fi
    may_install || fail "found no $missing, expected them installed; run: sudo apt-get install $missing"
    echo "installing system packages: $missing"
    apt_install "$missing" ||
        fail "found no way to install $missing, expected apt-get to; install them and run make again"
}

install_for_tests() {
    missing=$(missing_for_tests | tr '\n' ' ')
    [ -n "$missing" ] && command -v apt-get >/dev/null || return 0
    if may_install; then
        echo "installing Tk, window managers and games for the tests: $missing"
        apt_install "$missing" && return 0
    fi
    echo "the tests that need ${missing}are skipped; to run them: sudo apt-get install $missing"
}

install_wine() {
    command -v wine >/dev/null && return 0
    command -v apt-get >/dev/null || fail "found no wine, expected it installed; install what your system calls it"
    may_install || fail "found no wine, expected it installed; run: sudo apt-get install wine wine64"
    echo "installing Wine: 101 MB to download, 700 MB on disk"
    apt_install "wine wine64" || fail "found no way to install wine, expected apt-get to; install it and run make again"
}

how_to_get_uv() {
    if command -v pipx >/dev/null; then
        echo "pipx install uv"
    elif command -v apt-get >/dev/null; then
        echo "sudo apt-get install pipx && pipx install uv"
    else
        echo "install pipx and run pipx install uv"
    fi
}

install_python_packages() {
    stamp=.venv/installed
    wanted=$(cat pyproject.toml constraints.txt | cksum)
    if [ -x .venv/bin/python ] && [ "$(cat "$stamp" 2>/dev/null)" = "$wanted" ]; then
        return 0
    fi
    python=$(find_python)
    if [ -z "$python" ] && command -v uv >/dev/null; then
        echo "fetching Python 3.13 with uv: this system has none from 3.11 to 3.13"
        uv python install 3.13 ||
            fail "found uv unable to fetch Python 3.13, expected it to (see above); check the network and run make again"
        python=$(find_python)
    fi
    [ -n "$python" ] || fail "found $(python3 --version 2>/dev/null || echo no Python), expected Python 3.11 to 3.13, for \
which TensorFlow is released; uv fetches one: $(how_to_get_uv), then run make again"
    echo "making the environment in .venv with $("$python" --version) (several minutes the first time)"
    suits .venv/bin/python || rm -rf .venv
    [ -x .venv/bin/python ] || "$python" -m venv .venv
    .venv/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[demo,dev]' ||
        fail "found pip unable to install the packages, expected it to (see above); check the network and run make again"
    echo "$wanted" >"$stamp"
}

if [ "${1:-}" = wine ]; then
    install_wine
    exit
fi
if [ "$(uname -s)" = Linux ]; then
    install_system_packages
    install_for_tests
fi
install_python_packages
