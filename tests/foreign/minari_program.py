"""Run by the Python that has Minari: `read DATA SEEN.npz`, or `write GIVEN.npz ROOT jpeg|raw`."""

import os
import sys

import numpy as np


def read(data: str, seen: str) -> None:
    import minari

    dataset = minari.MinariDataset(data)
    episodes = list(dataset.iterate_episodes())
    np.savez(
        seen,
        frames=np.concatenate([episode.observations for episode in episodes]),
        actions=np.concatenate([episode.actions for episode in episodes]),
        lengths=[len(episode) for episode in episodes],
        captured_ns=np.concatenate([episode.infos["captured_ns"] for episode in episodes]),
        keys=np.concatenate([episode.infos["keys"] for episode in episodes]),
        truncations=np.concatenate([episode.truncations for episode in episodes]),
        total=[dataset.total_episodes, dataset.total_steps],
    )


def write(given: str, root: str, kind: str) -> None:
    os.environ["MINARI_DATASETS_PATH"] = root
    import minari
    from gymnasium.spaces import Box, Discrete
    from minari.data_collector import EpisodeBuffer

    given = np.load(given)
    frames, labels = given["frames"], given["labels"]
    buffers = []
    for start, stop in given["episodes"]:
        steps = stop - start - 1
        buffers.append(
            EpisodeBuffer(
                observations=list(frames[start:stop]),
                actions=list(labels[start : stop - 1]),
                rewards=[0.0] * steps,
                terminations=[False] * steps,
                truncations=[False] * (steps - 1) + [True],
            )
        )
    minari.create_dataset_from_buffers(
        dataset_id="theirs-v0",
        buffer=buffers,
        observation_space=Box(0, 255, frames.shape[1:], np.uint8),
        action_space=Discrete(int(labels.max()) + 1),
        jpeg_encoding=kind == "jpeg",
    )


if __name__ == "__main__":
    {"read": read, "write": write}[sys.argv[1]](*sys.argv[2:])
