"""From pixels to frames, and the rolling buffer."""

import numpy as np
import pytest

from agent.errors import TwoframeError
from agent.frames import Box, FrameSpec, RollingFrames, contract_patterns, prepare


def bgra(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 4)).astype(np.uint8)


def test_rgb_frames_have_red_first() -> None:
    image = np.zeros((4, 4, 4), np.uint8)
    image[:, :, 2] = 200  # red, in BGRA
    assert prepare(image, FrameSpec(2, 2, "rgb"))[0, 0].tolist() == [200, 0, 0]


def test_a_frame_is_contiguous_and_never_a_view_of_the_image() -> None:
    image = bgra(8, 6)
    for spec in (FrameSpec(6, 8, "gray"), FrameSpec(6, 8, "rgb"), FrameSpec(3, 4, "gray")):
        frame = prepare(image, spec)
        assert frame.shape == spec.shape
        assert frame.flags.c_contiguous
        assert not np.shares_memory(frame, image)
    frame = prepare(image, FrameSpec(6, 8, "gray"))
    assert not np.shares_memory(prepare(frame, FrameSpec(6, 8, "gray")), frame)


def test_gray_of_a_recorded_rgb_frame_is_gray_of_the_screen() -> None:
    image = bgra(20, 30)
    rgb = prepare(image, FrameSpec(30, 20, "rgb"))
    assert (prepare(rgb, FrameSpec(30, 20, "gray")) == prepare(image, FrameSpec(30, 20, "gray"))).all()


def test_the_crop_is_cut_before_the_resize() -> None:
    image = np.zeros((100, 100, 4), np.uint8)
    image[:50] = 255
    frame = prepare(image, FrameSpec(10, 10, "gray", Box(0, 0, 100, 50), (100, 100)))
    assert (frame == 255).all()


def test_the_crop_follows_a_resized_window() -> None:
    spec = FrameSpec(10, 10, "gray", Box(0, 0, 100, 50), (100, 100))
    image = np.zeros((200, 300, 4), np.uint8)
    image[:100] = 255
    assert (prepare(image, spec) == 255).all()


def test_rgb_cannot_be_made_of_gray() -> None:
    with pytest.raises(TwoframeError, match="record with --color rgb"):
        prepare(np.zeros((4, 4, 1), np.uint8), FrameSpec(2, 2, "rgb"))


def test_all_problems_of_a_spec_come_in_one_error() -> None:
    with pytest.raises(TwoframeError, match=r"size.*color"):
        FrameSpec(0, 3, "blue")  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [None, [], {"width": 3}, dict(FrameSpec(3, 3).to_json(), width="3")])
def test_other_json_is_refused(value: object) -> None:
    with pytest.raises(TwoframeError):
        FrameSpec.from_json(value)


def test_specs_survive_json() -> None:
    spec = FrameSpec(10, 10, "gray", Box(0, 0, 100, 50), (100, 100))
    assert FrameSpec.from_json(spec.to_json()) == spec


def test_the_patterns_of_the_pixel_contract_never_change() -> None:
    assert [int(p.astype(np.int64).sum()) for p in contract_patterns()] == [
        int(p.astype(np.int64).sum()) for p in contract_patterns()
    ]
    assert all(p.shape == (180, 320, 4) and p.dtype == np.uint8 for p in contract_patterns())


def test_rolling_frames_are_full_after_a_window_of_pushes_and_hold_the_latest_features() -> None:
    rolling = RollingFrames(3, 2)
    frame = np.zeros((2, 2, 1), np.uint8)
    for n in range(1, 5):
        rolling.push(frame, np.full((1, 2), n, np.float32))
        assert rolling.is_full == (n >= 3)
    assert rolling.features.tolist() == [[[3, 3], [4, 4]]]
    rolling.clear()
    assert not rolling.is_full


def test_rolling_frames_further_apart_come_from_so_many_pushes_ago() -> None:
    rolling = RollingFrames(3, 1, apart=2)
    for n in range(1, 8):
        assert rolling.is_full == (n > 5)
        if n > 4:
            assert rolling.features.tolist() == [[[n - 4], [n - 2]]]
        rolling.push(np.zeros((2, 2, 1), np.uint8), np.full((1, 1), n, np.float32))


def test_a_window_of_one_frame_needs_no_earlier_features() -> None:
    rolling = RollingFrames(1, 2)
    assert rolling.features.shape == (1, 0, 2)
    rolling.push(np.zeros((2, 2, 1), np.uint8), np.zeros((1, 2), np.float32))
    assert rolling.is_full
