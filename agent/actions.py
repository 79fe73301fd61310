"""Actions: named key chords, and the one rule that tells the action from the keys held."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from agent.arrays import Bools, Ints
from agent.errors import TwoframeError, raise_if_any
from agent.keys import key as named_key

MAX_ACTIONS = 64
MAX_KEYS = 32


@dataclass(frozen=True, slots=True)
class Action:
    """One named key chord; `keys` is empty for the action that holds nothing."""

    name: str
    keys: frozenset[str]

    def __str__(self) -> str:
        return f"{self.name}={'+'.join(sorted(self.keys))}"


@dataclass(frozen=True, slots=True)
class ActionSet:
    """An ordered list of actions. `default` is the index of the action when no chord is held.

    Raises `TwoframeError` naming every problem: fewer than two actions, two of one name or chord.
    """

    actions: tuple[Action, ...]
    default: int

    def __post_init__(self) -> None:
        names = [action.name for action in self.actions]
        chords = [action.keys for action in self.actions]
        problems = []
        if not 2 <= len(self.actions) <= MAX_ACTIONS:
            problems.append(
                f"actions: found {len(self.actions)}, expected 2 to {MAX_ACTIONS}; "
                "name them like --keys left=a forward=w right=d"
            )
        for name in sorted({name for name in names if names.count(name) > 1}):
            problems.append(f"actions: found {name!r} twice, expected each name once; rename one")
        if len(set(chords)) < len(chords):
            problems.append("actions: found the same keys under two names; remove one of the two")
        if len(self.keys) > MAX_KEYS:
            problems.append(f"actions: found {len(self.keys)} keys, expected at most {MAX_KEYS}; use fewer")
        if not 0 <= self.default < max(len(self.actions), 1):
            problems.append(f"actions: found default {self.default}, expected 0 to {len(self.actions) - 1}")
        raise_if_any(problems)

    @classmethod
    def parse(cls, texts: Sequence[str], default: str | None = None) -> "ActionSet":
        """From the command line: `left=a`, `jump_left=space+a`, `none=`.

        `default` names the action when no chord is held: the one that holds nothing where there is one,
        else the middle one, unless told otherwise.
        """
        actions = tuple(_parse_action(text) for text in texts)
        names = [action.name for action in actions]
        if default is None:
            empty = [i for i, action in enumerate(actions) if not action.keys]
            index = empty[0] if empty else len(actions) // 2
        elif default in names:
            index = names.index(default)
        else:
            raise TwoframeError(f"default action: found {default!r}, expected one of {', '.join(names)}")
        return cls(actions, index)

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(action.name for action in self.actions)

    @property
    def keys(self) -> tuple[str, ...]:
        """Every key of any chord, in the order in which they first appear."""
        return tuple(dict.fromkeys(key for action in self.actions for key in sorted(action.keys)))

    def __len__(self) -> int:
        return len(self.actions)

    def __str__(self) -> str:
        return " ".join(str(action) for action in self.actions)

    def action_of(self, held: Collection[str]) -> int:
        """The action of the `held` keys: the rule of `actions_of` for one instant."""
        keys = self.keys
        return int(self.actions_of(np.array([[key in held for key in keys]], dtype=np.bool_), keys)[0])

    def actions_of(self, held: Bools, keys: Sequence[str]) -> Ints:
        """The action at each instant: `held` (T, K) bool over `keys` gives (T,) int64 in 0..A-1.

        The largest chord that is wholly held wins, ties go to the earlier action; if none is held, the
        default action. Raises `TwoframeError` if an action needs a key that is not among `keys`.
        """
        columns = {key: k for k, key in enumerate(keys)}
        missing = [key for key in self.keys if key not in columns]
        if missing:
            raise TwoframeError(
                f"actions: found keys {', '.join(missing)} that were not recorded, "
                f"expected some of {', '.join(keys)}; choose other keys or record again"
            )
        result = np.full(len(held), self.default, dtype=np.int64)
        # The smallest chord first and, among equals, the last one: what is written later wins.
        order = sorted(range(len(self)), key=lambda i: (len(self.actions[i].keys), -i))
        for i in order:
            chord = self.actions[i].keys
            if chord:
                result[held[:, [columns[key] for key in sorted(chord)]].all(axis=1)] = i
        return result

    def to_json(self) -> dict[str, Any]:
        return {
            "actions": [{"name": a.name, "keys": sorted(a.keys)} for a in self.actions],
            "default": self.default,
        }

    @classmethod
    def from_json(cls, value: Any) -> "ActionSet":
        """Raises `TwoframeError` for anything that `to_json` cannot have written."""
        try:
            actions = tuple(_action(a["name"], a["keys"]) for a in value["actions"])
            default = value["default"]
        except (KeyError, TypeError, IndexError):
            raise TwoframeError(
                "actions: found something else, expected a list of names with keys; record again"
            ) from None
        if type(default) is not int:
            raise TwoframeError(f"actions: found default {default!r}, expected a number")
        return cls(actions, default)


def _parse_action(text: str) -> Action:
    name, equals, chord = text.partition("=")
    if not equals:
        raise TwoframeError(f"action: found {text!r}, expected NAME=KEY, NAME=KEY+KEY or NAME= for nothing held")
    return _action(name, chord.split("+") if chord else [])


def _action(name: Any, keys: Iterable[Any]) -> Action:
    if not (isinstance(name, str) and name.replace("_", "").replace("-", "").isalnum() and len(name) <= 32):
        raise TwoframeError(
            f"action name: found {str(name)[:40]!r}, expected 1 to 32 letters, digits, '-' or '_'; rename it"
        )
    names = []
    for text in keys:
        if not isinstance(text, str):
            raise TwoframeError(f"action {name}: found a key that is not a name; write {name}=KEY")
        names.append(named_key(text).name)
    return Action(name, frozenset(names))
