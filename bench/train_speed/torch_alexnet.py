"""The AlexNet with an LSTM of `train/encoders.py` in PyTorch, to compare the speed of training with.

`python -m bench.train_speed.torch_alexnet STEPS BATCH` prints the seconds of each step on random frames, as JSON.
"""

import json
import sys
import time
from itertools import pairwise

import torch
from torch import nn

SHAPE = (1, 120, 160)


class Same(nn.Module):
    """Pads as TensorFlow's 'same' does, then applies `layer`."""

    def __init__(self, layer: nn.Module, kernel: int, stride: int) -> None:
        super().__init__()
        self.layer, self.kernel, self.stride = layer, kernel, stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pads = []
        for size in (x.shape[3], x.shape[2]):
            needed = max((-(-size // self.stride) - 1) * self.stride + self.kernel - size, 0)
            pads += [needed // 2, needed - needed // 2]
        return self.layer(nn.functional.pad(x, pads))


def convolution(channels: int, filters: int, kernel: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(Same(nn.Conv2d(channels, filters, kernel, stride), kernel, stride), nn.ReLU())


def pool() -> nn.Module:
    # alpha is divided by the size in PyTorch, in tflearn it is not.
    return nn.Sequential(Same(nn.MaxPool2d(3, 2), 3, 2), nn.LocalResponseNorm(11, alpha=11e-4, beta=0.75, k=1.0))


class TwoFrames(nn.Module):
    """(B, 2, 1, H, W) uint8 to the logits of three actions."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = nn.Sequential(
            convolution(1, 96, 11, 4),
            pool(),
            convolution(96, 256, 5),
            pool(),
            convolution(256, 384, 3),
            convolution(384, 384, 3),
            convolution(384, 256, 3),
            pool(),
            nn.Flatten(),
            nn.Linear(5120, 4096),
            nn.Tanh(),
            nn.Dropout(0.5),
            nn.Linear(4096, 4096),
            nn.Tanh(),
            nn.Dropout(0.5),
        )
        self.lstm = nn.LSTM(4096, 256, batch_first=True)
        self.decision = nn.Linear(256, 3)

    def forward(self, windows: torch.Tensor) -> torch.Tensor:
        batch, frames = windows.shape[:2]
        images = windows.reshape(batch * frames, *SHAPE).float() / 255
        sequence = self.encoder(images).reshape(batch, frames, -1)
        return self.decision(self.lstm(sequence)[0][:, -1])


def main(steps: int, batch: int) -> None:
    torch.manual_seed(0)
    model = TwoFrames()
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9)
    windows = torch.randint(0, 256, (batch, 2, *SHAPE), dtype=torch.uint8)
    labels = torch.randint(0, 3, (batch,))
    ends_s = []
    for _ in range(steps + 3):  # the first ones set everything up
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(windows), labels).backward()
        optimizer.step()
        ends_s.append(time.perf_counter())
    print(json.dumps([after - before for before, after in pairwise(ends_s[2:])]))


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
