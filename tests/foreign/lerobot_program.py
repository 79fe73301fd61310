"""Run by the Python that has LeRobot: `read ROOT SEEN.npz`, `write GIVEN.npz ROOT video|image`, `cut ROOT OUT`."""

import os
import sys
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"

import numpy as np
from lerobot.datasets.lerobot_dataset import LeRobotDataset

CAMERA = "observation.images.screen"


def read(root: str, seen: str) -> None:
    dataset = LeRobotDataset("local/recording", root=root, video_backend="pyav")
    items = [dataset[i] for i in range(len(dataset))]
    names = [name for name in items[0] if name not in (CAMERA, "task")]
    np.savez(
        seen,
        frames=[(item[CAMERA].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8) for item in items],
        tasks=[item["task"] for item in items],
        stats=np.concatenate(
            [dataset.meta.stats[CAMERA]["mean"].ravel(), dataset.meta.stats["action"]["mean"].ravel()]
        ),
        **{name: np.stack([item[name].numpy() for item in items]) for name in names},
    )


def write(given: str, root: str, kind: str) -> None:
    given = np.load(given)
    frames = given["frames"]
    features = {
        CAMERA: {"dtype": kind, "shape": frames.shape[1:], "names": ["height", "width", "channels"]},
        "action": {"dtype": "float32", "shape": given["action"].shape[1:], "names": given["names"].tolist()},
    }
    fps = int(given["fps"])
    dataset = LeRobotDataset.create("local/theirs", fps, features, root=root, use_videos=kind == "video")
    for start, stop in given["episodes"]:
        for t in range(start, stop):
            dataset.add_frame({CAMERA: frames[t], "action": given["action"][t], "task": "play"})
        dataset.save_episode()
    dataset.finalize()


def cut(root: str, out: str) -> None:
    from lerobot.datasets.dataset_tools import delete_episodes, merge_datasets

    dataset = LeRobotDataset("local/recording", root=root, video_backend="pyav")
    second = delete_episodes(dataset, [0], output_dir=Path(out + "-second"), repo_id="local/second")
    merge_datasets([second, dataset], output_dir=Path(out), output_repo_id="local/merged")


if __name__ == "__main__":
    {"read": read, "write": write, "cut": cut}[sys.argv[1]](*sys.argv[2:])
