"""`play POLICY`: look at the game and press its keys, as the policy learned it."""

from collections.abc import Sequence

import tyro
from rich.console import Console

from agent.command_line.flags import FLAGS
from agent.errors import run_command
from agent.frames import Box
from agent.live.game_profile import GameProfile
from agent.live.place import Place
from agent.live_line import unhurried_console
from agent.play.options import DESCRIPTION, PlayOptions
from agent.play.run import place_of, play
from agent.policy.format import PolicyMeta


def main(argv: Sequence[str] | None = None) -> int:
    def command() -> int:
        options = tyro.cli(PlayOptions, prog="play", description=DESCRIPTION, args=argv, registry=FLAGS)
        region = options.checked_region()
        profile = GameProfile.read(options.game) if options.game else GameProfile()
        if options.check:
            return check(options, region, profile, Console())
        with unhurried_console() as console:
            return play(options, region, profile, console)

    return run_command(command)


def check(options: PlayOptions, region: Box | None, profile: GameProfile, console: Console) -> int:
    """Tell part by part whether this machine can play the policy; 0 if all is well, else 1."""
    from agent.check.machine import tell  # these bring what no rollout waits for
    from agent.check.policy import check_policy

    def place(meta: PolicyMeta) -> Place:
        return place_of(options, region, profile, meta)

    findings = check_policy(options.policy, threads=options.threads, place_of=place)
    return tell(findings, console, as_json=options.json)
