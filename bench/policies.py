"""A policy that decides by brightness: `python -m bench.policies OUT [--encoder alexnet] [--fps 60] [--window TITLE]`.

The network is the one that `train` builds, int8 like its exports, but nothing is learned: the last layer alone is
solved for, so that the first action is chosen where the newest frame has the darker grey of `agent.check.probe_window`,
and the last where it has the brighter one. With `--always` it decides for the middle one whatever it sees. For
benches: only how long a decision takes, and that it can be foretold, matters.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from agent.actions import ActionSet
from agent.check.probe_window_process import GREYS
from agent.frames import Box, FrameSpec, RollingFrames, parse_size
from agent.json_files import write_json
from agent.policy.format import MODEL_FILE, SETTINGS_FILE, STEP_FILE, PolicyMeta, Spacing, file_digest, packed_patterns
from agent.policy.step import Policy, decide
from agent.quiet import kept_back
from bench.table import parser_of

FRAMES = 2
SURE = 8.0  # how much larger one logit is made than the others


def main(argv: Sequence[str] | None = None) -> int:
    parser = parser_of(__doc__)
    parser.add_argument("out", type=Path, help="new folder for the policy")
    parser.add_argument("--encoder", default="compact", choices=("compact", "alexnet"))
    parser.add_argument("--size", default="160x120")
    parser.add_argument("--fps", type=float, default=60.0)
    parser.add_argument("--keys", nargs="+", default=["left=a", "forward=w", "right=d"])
    parser.add_argument("--window", help="title of the game's window")
    parser.add_argument("--region", default="60,40,1280,720", help="where the window is")
    parser.add_argument("--always", action="store_true")
    options = parser.parse_args(argv)
    with kept_back():
        write_policy(options)
    check(options)
    return 0


def write_policy(options: argparse.Namespace) -> None:
    from train.quiet import quieten_tensorflow

    quieten_tensorflow()
    from train.export import to_litert
    from train.model import build_network

    actions = ActionSet.parse(options.keys)
    spec = FrameSpec(*parse_size(options.size))
    greys = list(GREYS.values())
    mean = np.full(spec.shape[-1], np.mean(greys), np.float32)
    deviation = np.full(spec.shape[-1], np.std(greys), np.float32)
    network = build_network(
        options.encoder, spec.shape, frames=FRAMES, actions=len(actions), mean=mean, deviation=deviation
    )
    decide_by_brightness(network, spec, len(actions), always=options.always)
    options.out.mkdir(parents=True)
    network.model.save(options.out / MODEL_FILE)
    (options.out / STEP_FILE).write_bytes(to_litert(network, weights="int8"))
    period_ns = round(1e9 / options.fps)
    meta = PolicyMeta(
        recorded=spec,
        frame=spec,
        actions=actions,
        fps=options.fps,
        spacing=Spacing(period_ns, period_ns, period_ns),
        frames_per_window=FRAMES,
        feature_size=network.feature_size,
        apart=1,
        label_shift_ms=0.0,
        window=options.window,
        region=Box.parse(options.region, "--region"),
        training={},
        metrics={},
        versions={},
        patterns=packed_patterns(spec, spec),
        digests={name: file_digest(options.out / name) for name in (MODEL_FILE, STEP_FILE)},
    )
    write_json(options.out / SETTINGS_FILE, meta.to_json())


def decide_by_brightness(network: Any, spec: FrameSpec, actions: int, *, always: bool) -> None:
    """Solve for the last layer: what the LSTM says of each pair of greys must give the action of the newer one."""
    pictures = np.stack([np.full(spec.shape, grey, np.uint8) for grey in GREYS.values()])
    features = np.asarray(network.encoder(pictures))
    pairs = [(older, newer) for older in (0, 1) for newer in (0, 1)]
    states = np.asarray(network.states(np.stack([[features[older], features[newer]] for older, newer in pairs])))
    wanted = np.zeros((len(pairs), actions), np.float32)
    for row, (_, newer) in enumerate(pairs):
        wanted[row, actions // 2 if always else (0, actions - 1)[newer]] = SURE
    if always:
        kernel, bias = np.zeros((states.shape[1], actions)), wanted[0]
    else:
        centre = states.mean(axis=0)
        kernel = np.linalg.lstsq(states - centre, wanted - wanted.mean(axis=0), rcond=None)[0]
        bias = wanted.mean(axis=0) - centre @ kernel
    network.answer.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])


def check(options: argparse.Namespace) -> None:
    """That the exported policy decides as it should, whatever int8 made of its weights."""
    policy = Policy.load(options.out, threads=1)
    frames = RollingFrames(FRAMES, policy.meta.feature_size)
    last = len(policy.meta.actions) - 1
    for bright in (False, True, True, False, False, True, False):
        frame = np.full(policy.meta.frame.shape, GREYS["bright" if bright else "dark"], np.uint8)
        probabilities = decide(policy, frame, frames)
        expected = len(policy.meta.actions) // 2 if options.always else last * bright
        if frames.is_full and probabilities.argmax() != expected:
            raise SystemExit(f"{options.out}: found {probabilities} at {frame[0, 0, 0]}, expected action {expected}")


if __name__ == "__main__":
    sys.exit(main())
