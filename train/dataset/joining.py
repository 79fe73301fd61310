"""Whether recordings can be learned from together, and what they are brought to: one picture, one action set.

Recordings may differ where it is clear what is meant. Then it is said what is done; else what fits together is named.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from agent.actions import ActionSet
from agent.errors import raise_if_any
from agent.frames import LEAST_SIDE, Box, FrameSpec
from agent.policy.format import PolicyMeta
from agent.recording.format import MAX_FPS, Meta
from agent.recording.key_log import KEYS_REMEDY, never_pressed
from agent.recording.reader import Recording
from agent.recording.window_marks import NO_MARKS, WindowMarks
from train.dataset.rates import MOST, common_rate, rate_notes


@dataclass(frozen=True, slots=True)
class Joined:
    """What recordings are brought to. `meta` is that of the first, with the `frame` and the rate (`fps`) of all,
    and the marks of the window from the first that has some.

    `ways` tell for each recording how its frames are made into `meta.frame`, None where they are so already;
    `notes` say in words what is done with recordings that differ.
    """

    meta: Meta
    ways: tuple[FrameSpec | None, ...]
    notes: tuple[str, ...]


def join(
    recordings: Sequence[Recording],
    *,
    with_own_actions: bool,
    told: Collection[str],
    policy: PolicyMeta | None = None,
    stride: int = 1,
) -> Joined:
    """Bring `recordings` together; `told` are those of `size`, `crop` and `color` that were asked for. A `policy` that
    sees every `stride`-th frame says what they are brought to.

    Raises `TwoframeError` naming the folders that do not fit, each with what would help.
    """
    raise_if_any(problem for recording in recordings for problem in _unfit(recording))
    first = recordings[0]
    frame: FrameSpec | None
    if policy:
        frame, rate_hz, whose = policy.recorded, policy.fps * stride, "the policy has"
        raise_if_any(
            problem for recording in recordings for problem in _unlike(recording, policy, actions=with_own_actions)
        )
    else:
        frame, rate_hz, whose = least_frame([each.meta.frame for each in recordings]), common_rate(recordings), MOST
        actions_differ = _actions_differ(recordings) if with_own_actions else ()
        raise_if_any([*actions_differ, *_pictures_differ(recordings, frame, told)])
    assert frame is not None  # else the pictures differ
    made = [made_like(recording.meta.frame, frame) for recording in recordings]
    ways = tuple(
        None if way is None or (way.shape == recording.meta.frame.shape and way.crop is None) else way
        for way, recording in zip(made, recordings, strict=True)
    )
    notes = [*rate_notes(recordings, rate_hz, whose), *_picture_notes(recordings, ways, frame)]
    if with_own_actions:
        notes += _default_notes(recordings)
    return Joined(replace(first.meta, frame=frame, fps=rate_hz, window_marks=_marks(recordings)), ways, tuple(notes))


def part_shown(spec: FrameSpec) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of what a frame shows, as shares of the window."""
    if spec.crop is None or spec.crop_of is None:
        return 0.0, 0.0, 1.0, 1.0
    crop, (width, height) = spec.crop, spec.crop_of
    right, bottom = crop.left + crop.width, crop.top + crop.height
    return crop.left / width, crop.top / height, right / width, bottom / height


def part_within(spec: FrameSpec, other: FrameSpec) -> tuple[float, float, float, float]:
    """Left, top, right and bottom, in pixels of a frame of `spec`, of what a frame of `other` shows."""
    left, top, right, bottom = part_shown(spec)
    across, down = spec.width / (right - left), spec.height / (bottom - top)
    inner = part_shown(other)
    return (inner[0] - left) * across, (inner[1] - top) * down, (inner[2] - left) * across, (inner[3] - top) * down


def made_like(spec: FrameSpec, least: FrameSpec) -> FrameSpec | None:
    """How frames recorded by `spec` become such as `least` would have recorded; None where they cannot.

    They must show all that `least` shows, to half a pixel, in the same shape and at least as large, and not lack its
    color.
    """
    left, top, right, bottom = (round(side) for side in part_within(spec, least))
    width, height = right - left, bottom - top
    if left < 0 or top < 0 or right > spec.width or bottom > spec.height:
        return None
    if width < least.width or height < least.height or abs(height - width * least.height / least.width) > 1:
        return None
    if spec.channels < least.channels or spec.interpolation != least.interpolation:
        return None
    whole = (width, height) == (spec.width, spec.height)
    crop, crop_of = (None, None) if whole else (Box(left, top, width, height), (spec.width, spec.height))
    return FrameSpec(least.width, least.height, least.color, crop, crop_of, least.interpolation)


def least_frame(specs: Sequence[FrameSpec]) -> FrameSpec | None:
    """The one of `specs` that frames of all the others can be made into; None if there is none."""
    return next((least for least in specs if all(made_like(spec, least) for spec in specs)), None)


def _marks(recordings: Sequence[Recording]) -> WindowMarks:
    """Of the first recording that tells by what its window is known: older ones do not."""
    told = [recording.meta.window_marks for recording in recordings if recording.meta.window_marks != NO_MARKS]
    return told[0] if told else NO_MARKS


def _unfit(recording: Recording) -> Iterator[str]:
    """What of a recording alone makes it one that cannot be learned from."""
    frame = recording.meta.frame
    if not len(recording):
        yield f"{recording.folder}: found no frames, expected a recording with some; leave it out or record again"
    if min(frame.width, frame.height) < LEAST_SIDE:
        yield f"{recording.folder}: found frames {frame}, expected at least {LEAST_SIDE}x{LEAST_SIDE}; record again"
    if recording.rate_hz > MAX_FPS:
        yield (
            f"{recording.folder}: found {recording.rate_hz:g} frames a second, expected at most {MAX_FPS:g}; "
            "record again"
        )


def _unlike(recording: Recording, policy: PolicyMeta, *, actions: bool) -> Iterator[str]:
    """What of a recording a policy that goes on learning cannot take: its network was made for what it has."""
    found, expected = str(recording.meta.actions), str(policy.actions)
    remedy = "learn all anew without --from"
    if actions and found != expected:
        yield (
            f"{recording.folder}: found actions {found}, expected {expected} as the policy has them; "
            f"record with --keys {expected} or {remedy}"
        )
    if made_like(recording.meta.frame, policy.recorded) is None:
        size = f"--size {policy.recorded.width}x{policy.recorded.height} --color {policy.recorded.color}"
        yield (
            f"{recording.folder}: found frames {_shown(recording.meta.frame)}, expected {_shown(policy.recorded)} as "
            f"the policy has them; record with {size} or {remedy}"
        )


def _actions_differ(recordings: Sequence[Recording]) -> Iterator[str]:
    first = recordings[0]
    for recording in recordings[1:]:
        found, expected = str(recording.meta.actions), str(first.meta.actions)
        if found != expected:
            yield (
                f"{recording.folder}: found actions {found}, expected {expected} as in {first.folder}; "
                "train them apart or name the actions to learn with --keys"
            )


def _pictures_differ(recordings: Sequence[Recording], least: FrameSpec | None, told: Collection[str]) -> Iterator[str]:
    first = recordings[0]
    remedy = "or record again"
    if least is not None:
        lacking = set[str]().union(*(_changed(recording.meta.frame, least) for recording in recordings)) - set(told)
        if "crop" in lacking or "crop" in told:
            lacking.discard("size")  # a crop has one
        if not lacking:
            return
        flags = {
            "crop": f"--crop 0,0,{least.width},{least.height}",
            "size": f"--size {least.width}x{least.height}",
            "color": f"--color {least.color}",
        }
        remedy = f"or make all alike with {' '.join(flag for name, flag in flags.items() if name in lacking)}"
    for recording in recordings[1:]:
        found, expected = recording.meta.frame, first.meta.frame
        if not (made_like(found, expected) and made_like(expected, found)):
            yield (
                f"{recording.folder}: found frames {_shown(found)}, expected {_shown(expected)} as in {first.folder}; "
                f"train them apart {remedy}"
            )


def _changed(spec: FrameSpec, least: FrameSpec) -> set[str]:
    """Which of `crop`, `size` and `color` it takes to make frames of `spec` such as `least` has."""
    way = made_like(spec, least)
    assert way is not None
    width, height = (way.crop.width, way.crop.height) if way.crop else (spec.width, spec.height)
    changed = {
        "crop": way.crop is not None,
        "size": (width, height) != (least.width, least.height),
        "color": spec.color != least.color,
    }
    return {name for name, is_changed in changed.items() if is_changed}


def _shown(spec: FrameSpec) -> str:
    return f"{spec} in a window of {spec.crop_of[0]}x{spec.crop_of[1]}" if spec.crop_of else str(spec)


def _picture_notes(
    recordings: Sequence[Recording], ways: Sequence[FrameSpec | None], least: FrameSpec
) -> Iterator[str]:
    for recording, way in zip(recordings, ways, strict=True):
        if way is None:
            continue
        spec = recording.meta.frame
        sides = part_within(spec, least)
        width, height = sides[2] - sides[0], sides[3] - sides[1]
        ratios = (*sides, width / least.width, height / least.height)
        is_exact = all(abs(ratio - round(ratio)) < 1e-6 for ratio in ratios)
        yield f"{recording.folder}: its frames {_shown(spec)} are made into {_shown(least)}, as play sees it" + (
            "" if is_exact else "; no whole multiple of that, so that edges come out a little softer than in play"
        )


def _default_notes(recordings: Sequence[Recording]) -> Iterator[str]:
    """Holding nothing is what each recording says it is: so it was meant and shown while it was made."""
    first = recordings[0]
    names = first.meta.actions.names
    for recording in recordings[1:]:
        if recording.meta.actions.default != first.meta.actions.default:
            yield (
                f"warning: {recording.folder}: holding nothing is {names[recording.meta.actions.default]} there and "
                f"{names[first.meta.actions.default]} in {first.folder}; each is learned as it was recorded, --keys "
                "makes it one for all"
            )


def key_notes(recordings: Sequence[Recording], actions: ActionSet | None) -> Iterator[str]:
    """Keys of `actions`, or of those recorded, that nobody pressed: in no recording, or in one alone where the default
    action hides it. An action that needs such a key otherwise is played in no frame, which is refused."""
    everywhere = frozenset[str]().union(*(recording.pressed for recording in recordings))
    if text := never_pressed(actions or recordings[0].meta.actions, everywhere):
        yield f"warning: {text}, but play will press it; {KEYS_REMEDY}"
    for recording in recordings:
        own = actions or recording.meta.actions
        hidden = own.actions[own.default].keys & (everywhere - recording.pressed)
        if hidden and recording.meta.source == "demonstration":
            yield (
                f"warning: {recording.folder}: {', '.join(sorted(hidden))} was never pressed there, as it was in "
                f"others; holding nothing counts as {own.names[own.default]}, so it is not missed"
            )
