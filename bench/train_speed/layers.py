"""How much of what a core can do the layers of `compact` use: `python -m bench.train_speed.layers WIDTH HEIGHT`.

One thread, as each strand of a training has it. Beside each convolution a multiplication of two matrices of
1024 x 1024, in turn, whose speed is taken as all that the core can do. Prints the rows as JSON.
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

from train.quiet import quieten_tensorflow

FRAMES = 32  # the newest of the windows of a batch
TURNS = 15
SIDE = 1024


def rows(width: int, height: int) -> list[dict[str, Any]]:
    import keras
    import numpy as np
    import tensorflow as tf

    from train.model import build_network

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    network = build_network(
        "compact",
        (height, width, 1),
        frames=2,
        actions=3,
        mean=np.zeros(1, np.float32),
        deviation=np.ones(1, np.float32),
    )
    assert network.moving
    parts = [network.encoder, network.moving.own, network.moving.changes, network.moving.look]
    matrix = tf.random.normal((SIDE, SIDE))
    multiply = tf.function(lambda: tf.reduce_sum(matrix @ matrix))
    found = []
    for part in parts:
        for layer in part.layers:
            if isinstance(layer, keras.layers.Conv2D):
                found.append(_row(part.name, layer, multiply, learns_input=part is not network.encoder))
    whole = sum(row["ms a step"] for row in found)
    return [{**row, "share of these": row["ms a step"] / whole} for row in found]


def _row(part: str, layer: Any, multiply: Callable[[], Any], *, learns_input: bool) -> dict[str, Any]:
    import tensorflow as tf

    x = tf.random.normal((FRAMES, *layer.input.shape[1:]))

    @tf.function  # type: ignore[untyped-decorator]
    def forward() -> Any:
        return tf.reduce_sum(layer(x)[0, 0, 0])

    @tf.function  # type: ignore[untyped-decorator]
    def both() -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        sources = [*layer.trainable_variables, *([x] if learns_input else [])]
        return [tf.reduce_sum(gradient[0]) for gradient in tape.gradient(y, sources, output_gradients=y)]

    def once(work: Callable[[], Any]) -> float:
        begun_s = time.perf_counter()
        work()
        return time.perf_counter() - begun_s

    for work in (multiply, forward, both):
        work()
    turns = [(once(multiply), once(forward), once(both)) for _ in range(TURNS)]
    peak_s, forward_s, both_s = (statistics.median(times) for times in zip(*turns, strict=True))
    peak = 2 * SIDE**3 / peak_s
    _, height, width, out = layer.output.shape
    side, into = layer.kernel_size[0], layer.input.shape[-1]
    operations = 2.0 * FRAMES * height * width * out * side * side * into
    return {
        "layer": f"{part}: {side}x{side}, {into} to {out}, {height}x{width} places",
        "GFLOP forward": operations / 1e9,
        "of peak, forward": operations / forward_s / peak,
        "of peak, with gradients": (3 if learns_input else 2) * operations / both_s / peak,
        "ms a step": both_s * 1e3,
        "peak, GFLOP/s": peak / 1e9,
    }


def main(width: str, height: str) -> int:
    quieten_tensorflow()
    print(json.dumps(rows(int(width), int(height))))
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
