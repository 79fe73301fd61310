"""A lap game in a window of its own process: Gymnasium's `play` shows it, and a player in here presses real keys."""

import os
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pygame

from agent.errors import TwoframeError
from agent.signals import ending_signals
from games.players.player import START_KEY, TAKEOVER_KEY, Player
from games.window.hands import Hands, open_player_emitter
from games.window.lap_game import LapGame


@contextmanager
def open_display(title: str) -> Iterator[None]:
    """The display, where the next window gets this title. Raises `TwoframeError` if there is none."""
    if sys.platform == "linux":
        # SDL would take Wayland, where no program can press keys; or, without any display, draw where nobody sees it.
        os.environ["SDL_VIDEODRIVER"] = "x11"
    # With acceleration SDL opens the window, closes it and opens another: whoever waits for it might get the first.
    os.environ["SDL_FRAMEBUFFER_ACCELERATION"] = "0"
    try:
        pygame.display.init()
    except pygame.error as error:
        raise TwoframeError(f"display: found none ({error}), expected a screen to open a window on") from None
    pygame.display.set_caption(title)
    try:
        yield
    finally:
        pygame.quit()


def play_laps(game: LapGame, player: Player | None, *, zoom: float = 1) -> None:
    """Until the last lap has ended, the window is closed, or a signal comes. Closes the game.

    `player` presses keys from in here; without one somebody else must. Raises `TwoframeError`.
    """
    from gymnasium.utils.play import play  # imports matplotlib, and takes a second

    with ExitStack() as stack:
        stack.callback(game.close)
        playing = stack.enter_context(ExitStack())  # ends with the last lap, while the window is still there

        def end() -> None:
            playing.close()
            _quit()

        game.on_end = end
        if player is not None:
            emitter = open_player_emitter((*game.controls.keys, START_KEY, TAKEOVER_KEY))
            hands = playing.enter_context(Hands(emitter, _window_id, pygame.key.get_focused))
            game.turn = lambda running: hands.hold(player.keys(running=running))
        stack.enter_context(ending_signals(_quit))
        play(game, fps=round(game.fps), zoom=zoom, keys_to_action=game.controls.codes(), noop=0)


def _window_id() -> int | None:
    """The game's window as the system numbers it, now: `play` opens it, and a resize may open it anew."""
    if sys.platform == "linux":  # under X11 `get_wm_info` crashed Debian's Python 3.11 now and then (pygame-ce 2.5.8)
        is_open = pygame.display.get_surface() is not None
        return int(pygame.Window.from_display_module().handle) if is_open else None
    window = pygame.display.get_wm_info().get("window")
    return window if isinstance(window, int) else None


def _quit() -> None:
    if pygame.display.get_init():  # a signal may come when the window has just gone
        pygame.event.post(pygame.event.Event(pygame.QUIT))
