"""What a policy says of a recording, without the viewer that shows it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from recordings import write_recording

from agent.recording.reader import Recording
from collect.view.opinion import Adviser


def test_a_policy_says_of_a_cut_what_it_would_do_at_play(policy: Path, tmp_path: Path) -> None:
    adviser = Adviser(policy)
    shape, described = adviser.meta.recorded.shape, Recording.open(policy.parent / "recording").meta
    frames = [np.full(shape, 20 if t < 10 else 220, np.uint8) for t in range(20)]
    folder = write_recording(tmp_path / "rec", frames, [described.keys[0]] * 20, described=described)
    nothing = np.zeros((1, adviser.meta.frames_per_window - 1, adviser.meta.feature_size), np.float32)
    said = []
    for cut_difference, before in ((100.0, frames[10]), (np.inf, frames[9])):
        adviser.policy.meta = replace(adviser.meta, cut_difference=cut_difference)
        opinion = list(adviser.says(Recording.open(folder)))[10]
        assert opinion is not None
        earlier = np.broadcast_to(adviser.policy.step(before, nothing)[0], nothing.shape).copy()
        assert np.array_equal(opinion.probabilities, adviser.policy.step(frames[10], earlier)[1])
        said.append(opinion.probabilities)
    assert not np.array_equal(*said)
