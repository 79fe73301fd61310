"""What the user allows this program on macOS, which says nothing otherwise, and gives neither keys nor windows.

Written after Apple's documentation, not yet tried. pyobjc is imported inside the functions, here and beside, so that
tests can put a macOS of theirs there.
"""

from collections.abc import Sequence
from typing import Literal

from agent.errors import TwoframeError

Permission = Literal["Screen Recording", "Accessibility", "Input Monitoring"]
PERMISSIONS: tuple[Permission, ...] = ("Screen Recording", "Accessibility", "Input Monitoring")


def lacking(needed: Sequence[Permission]) -> list[Permission]:
    """Those of `needed` that the user has not given to this program."""
    import Quartz
    from HIServices import AXIsProcessTrusted

    given = {
        "Screen Recording": Quartz.CGPreflightScreenCaptureAccess,
        "Accessibility": AXIsProcessTrusted,
        "Input Monitoring": Quartz.CGPreflightListenEventAccess,
    }
    return [permission for permission in needed if not given[permission]()]


def check_permitted(*needed: Permission) -> None:
    """Without its permissions a program gets pictures without windows, and no keys, and macOS says nothing.

    What is lacking is asked for, which puts the terminal into the list that the user has to open. Raises
    `TwoframeError`.
    """
    found = lacking(needed)
    if not found:
        return
    import Quartz

    ask = {
        "Screen Recording": Quartz.CGRequestScreenCaptureAccess,
        "Accessibility": Quartz.CGRequestPostEventAccess,
        "Input Monitoring": Quartz.CGRequestListenEventAccess,
    }
    for permission in found:
        ask[permission]()
    raise TwoframeError(f"macOS: found no permission for {told(found)}, expected it; {remedy(found)}")


def told(permissions: Sequence[Permission]) -> str:
    return " and ".join(permissions)


def remedy(permissions: Sequence[Permission]) -> str:
    return (
        f"allow your terminal in System Settings > Privacy & Security > {told(permissions)}, "
        "end the terminal and start it again"
    )
