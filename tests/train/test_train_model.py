"""The network: it is what DESIGN.md section 6 says, and the quick ways through it are the same mathematics."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from train.dataset.batches import DROPPED, REPEATED, Batch
from train.encoders import RECIPES, attended, local_response_normalization, momentum, muon, normalized
from train.export import attention_to_litert, to_litert
from train.fitting.learner import Learner
from train.model import Network, build_network, copy_weights, parameters, step
from train.options import Join
from train.runs import probabilities_of_runs

SHAPE = (24, 32, 1)
pytestmark = [
    pytest.mark.training,
    # Keras 3.15 converts its variables to numpy 2 arrays that way.
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning"),
]


# What two ways through the same mathematics may differ by: in float64, whatever the processor makes of sums.
ROUNDING = 1e-9


@pytest.fixture
def float64() -> Iterator[None]:
    """Networks that are built now compute in float64."""
    floatx, policy = keras.config.floatx(), keras.config.dtype_policy()
    keras.config.set_floatx("float64")
    keras.config.set_dtype_policy("float64")
    yield
    keras.config.set_floatx(floatx)
    keras.config.set_dtype_policy(policy)


def network(
    encoder: str = "compact",
    *,
    frames: int = 2,
    shape: tuple[int, int, int] = SHAPE,
    join: Join = "lstm",
    shifts: int = 1,
    scrolls: bool = False,
) -> Network:
    keras.utils.set_random_seed(1)
    rng = np.random.default_rng(1)
    mean, deviation = rng.uniform(0, 255, shape[-1]), rng.uniform(0, 60, shape[-1])
    return build_network(
        encoder,
        shape,
        frames=frames,
        actions=3,
        mean=mean.astype(np.float32),
        deviation=deviation.astype(np.float32),
        join=join,
        shifts=shifts,
        scrolls=scrolls,
    )


def images(*leading: int, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(2).integers(0, 256, (*leading, *shape)).astype(np.uint8)


# (layer, shape of its output, trainable parameters) of AlexNet for gray frames of 160x120: DESIGN.md section 6.
ALEXNET = [
    ("Conv2D", (30, 40, 96), 11 * 11 * 1 * 96 + 96),
    ("MaxPooling2D", (15, 20, 96), 0),
    ("LRN", (15, 20, 96), 0),
    ("Conv2D", (15, 20, 256), 5 * 5 * 96 * 256 + 256),
    ("MaxPooling2D", (8, 10, 256), 0),
    ("LRN", (8, 10, 256), 0),
    ("Conv2D", (8, 10, 384), 3 * 3 * 256 * 384 + 384),
    ("Conv2D", (8, 10, 384), 3 * 3 * 384 * 384 + 384),
    ("Conv2D", (8, 10, 256), 3 * 3 * 384 * 256 + 256),
    ("MaxPooling2D", (4, 5, 256), 0),
    ("LRN", (4, 5, 256), 0),
    ("Flatten", (5120,), 0),
    ("Dense", (4096,), 5120 * 4096 + 4096),
    ("Dropout", (4096,), 0),
    ("Dense", (4096,), 4096 * 4096 + 4096),
    ("Dropout", (4096,), 0),
]


def test_alexnet_is_the_one_of_the_question() -> None:
    whole = network("alexnet", shape=(120, 160, 1))
    found = [
        ("LRN" if layer.name.startswith("lrn") else type(layer).__name__, layer.output.shape[1:], layer.count_params())
        for layer in whole.encoder.layers
    ]
    assert [row[0] for row in found[:2]] == ["InputLayer", "Normalization"]
    found = found[2:]
    assert found == ALEXNET
    assert whole.feature_size == 4096

    convolutions = [layer for layer in whole.encoder.layers if isinstance(layer, keras.layers.Conv2D)]
    assert [layer.kernel_size for layer in convolutions] == [(11, 11), (5, 5), (3, 3), (3, 3), (3, 3)]
    assert [layer.strides for layer in convolutions] == [(4, 4), (1, 1), (1, 1), (1, 1), (1, 1)]
    assert all(layer.padding == "same" for layer in convolutions)
    assert all(layer.activation is keras.activations.relu for layer in convolutions)
    pools = [layer for layer in whole.encoder.layers if isinstance(layer, keras.layers.MaxPooling2D)]
    assert {(layer.pool_size, layer.strides, layer.padding) for layer in pools} == {((3, 3), (2, 2), "same")}
    dense = [layer for layer in whole.encoder.layers if isinstance(layer, keras.layers.Dense)]
    assert all(layer.activation is keras.activations.tanh for layer in dense)
    dropouts = [layer for layer in whole.encoder.layers if isinstance(layer, keras.layers.Dropout)]
    assert [layer.rate for layer in dropouts] == [0.5, 0.5]
    assert RECIPES["alexnet"].optimizer(0.01).momentum == 0.9

    lstm = 4 * (4096 + 256 + 1) * 256
    assert parameters(whole.model) == sum(row[2] for row in ALEXNET) + lstm + 256 * 3 + 3
    assert whole.model.input_shape == (None, 2, 120, 160, 1)
    assert whole.model.output_shape == (None, 3)


@pytest.mark.usefixtures("float64")
def test_local_response_normalization_is_tensorflows() -> None:
    x = np.random.default_rng(0).normal(0, 30, (2, 5, 6, 24))
    ours = np.array(local_response_normalization(x, "lrn"))
    near = [(x[..., max(0, c - 5) : c + 6] ** 2).sum(axis=-1) for c in range(24)]
    assert ours == pytest.approx(x / (1 + 1e-4 * np.stack(near, axis=-1)) ** 0.75, rel=ROUNDING)
    # TensorFlow's own knows no float64: a hundred times what its rounding leaves.
    theirs = tf.nn.local_response_normalization(x.astype(np.float32), depth_radius=5, bias=1.0, alpha=1e-4, beta=0.75)
    assert ours == pytest.approx(theirs.numpy(), rel=1e-4)


JOINED: list[tuple[int, Join]] = [(1, "lstm"), (2, "lstm"), (3, "lstm"), (1, "channels"), (2, "channels")]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(("frames", "join"), JOINED)
def test_one_step_at_play_says_what_the_whole_network_says(frames: int, join: Join) -> None:
    net = network(frames=frames, join=join)
    window = images(1, frames)
    earlier = np.array(net.encoder(window[0, :-1]))[None] if frames > 1 else None
    features, probabilities = step(net, window[:, -1], earlier)
    assert np.array(features) == pytest.approx(np.array(net.encoder(window[:, -1])), abs=ROUNDING)
    assert np.array(probabilities) == pytest.approx(np.array(net.model(window)), abs=ROUNDING)


@pytest.mark.usefixtures("float64")
def test_where_the_whole_picture_moves_the_coarse_map_is_never_left_out() -> None:
    still, scrolling = network(), network(scrolls=True)
    for net, rates in ((still, [0.5, 0.5]), (scrolling, [0.5, 0.0])):
        look = net.decider.get_layer("look")
        dropouts = [layer for layer in look.layers if isinstance(layer, keras.layers.Dropout)]
        assert [layer.rate for layer in dropouts] == rates
    scrolling.model.set_weights(still.model.get_weights())  # at play they are the same network
    window = images(4, 2)
    assert np.array(scrolling.model(window)) == pytest.approx(np.array(still.model(window)), abs=ROUNDING)


def test_muon_learns_the_matrices_but_for_the_last_layers() -> None:
    variables = network("compact").model.trainable_variables
    optimizer = muon(1e-3)
    optimizer.build(variables)
    matrices = [
        tuple(variable.shape)
        for variable, squares in zip(variables, optimizer.adam_velocities, strict=True)
        if squares is None
    ]
    assert sorted(shape[1] for shape in matrices) == [128, 4 * 128, 4 * 128]  # the dense layer, twice the LSTM
    assert sorted(shape[0] for shape in matrices if shape[1] == 4 * 128) == [128, 16 * 2 + 128]


@pytest.mark.usefixtures("float64")
@pytest.mark.parametrize(
    ("encoder", "frames", "join"),
    [*(("compact", frames, join) for frames, join in JOINED), ("alexnet", 2, "lstm"), ("alexnet", 3, "lstm")],
)
def test_runs_give_the_loss_of_plain_windows_and_gradients_of_their_newest_frames(
    encoder: str, frames: int, join: Join
) -> None:
    net = network(encoder, frames=frames, join=join)
    runs, labels, weights = some_runs(frames)
    loss, gradients, said = Learner(net, muon(1e-3), 1e-3).loss_and_gradients(
        tf.constant(runs), labels, weights, None, training=False
    )

    windows = np.stack([runs[r, j : j + frames] for r in range(3) for j in range(labels.shape[1])])
    with tf.GradientTape() as tape:
        plain = learned_through_the_newest(net, windows) if join == "lstm" else net.model(windows, training=False)
        losses = keras.losses.sparse_categorical_crossentropy(labels.ravel(), plain)
        plain_loss = tf.reduce_sum(losses * weights.ravel())
    expected = tape.gradient(plain_loss, net.model.trainable_variables)
    assert np.array(said) == pytest.approx(np.array(net.model(windows)), abs=ROUNDING)
    assert float(loss) == pytest.approx(float(plain_loss), rel=ROUNDING)
    assert_close(gradients, expected)


def some_runs(frames: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Three runs of six frames, with labels and weights of their windows."""
    rng = np.random.default_rng(3)
    count = 6 - frames + 1
    return images(3, 6), rng.integers(0, 3, (3, count)).astype(np.int32), rng.random((3, count))


def learned_through_the_newest(net: Network, windows: np.ndarray) -> Any:
    """What the network says of windows (B, N, H, W, C); the features of the earlier frames are constants to it."""
    sequence = net.encoder(windows.reshape(-1, *SHAPE))
    sequence = tf.reshape(sequence, (len(windows), -1, net.feature_size))
    if not net.moving:
        return net.decider(tf.concat([tf.stop_gradient(sequence[:, :-1]), sequence[:, -1:]], axis=1))
    seen = keras.Model(net.decider.input, net.recall._inbound_nodes[-1].input_tensors[0])(sequence)
    return net.answer(net.recall(tf.concat([tf.stop_gradient(seen[:, :-1]), seen[:, -1:]], axis=1)))


def assert_close(found: Sequence[Any], expected: Sequence[Any]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        largest = np.abs(np.array(theirs)).max()
        np.testing.assert_allclose(np.array(ours), np.array(theirs), rtol=0, atol=ROUNDING * largest)


@pytest.mark.usefixtures("float64")
def test_strands_learn_and_say_what_one_does() -> None:
    runs, labels, weights = some_runs(2)
    batch = Batch(runs, labels, weights, None, np.ones(labels.shape, np.int64), labels.size)
    found = []
    for strands in (1, 2, 5):  # all in one, of unequal size, more than there are runs
        net = network()
        for layer in net.decider.get_layer("look").layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        learner = Learner(net, momentum(1e-2), 1e-2, clip_norm=1.0, strands=strands)
        said = learner.predict(batch)
        learner.train(batch, 1.0)
        found.append([said, *learner.weights()])
    for others in found[1:]:
        assert_close(others, found[0])


@pytest.mark.usefixtures("float64")
def test_a_network_for_several_shifts_learns_all_until_one_is_chosen() -> None:
    runs, labels, weights = some_runs(2)
    shifted = np.stack([labels, (labels + 1) % 3], axis=-1)
    weights = np.stack([weights, 2 * weights], axis=-1)
    net, alone = network(shifts=2), network()
    learner = Learner(net, muon(1e-3), 1e-3, shifts=2)
    kernel = next(i for i, one in enumerate(net.model.trainable_variables) if one is net.answer.kernel)

    def learned() -> tuple[float, np.ndarray, np.ndarray]:
        loss, gradients, said = learner.loss_and_gradients(tf.constant(runs), shifted, weights, None, training=False)
        return float(loss), np.array(gradients[kernel]), np.array(said)

    batch = Batch(runs, shifted, weights, None, np.ones(labels.shape, np.int64), labels.size)
    both = learner.predict_shifts(batch)
    assert both.shape == (*labels.shape, 2, 3)
    assert both.sum(axis=-1) == pytest.approx(1.0)
    _, of_both, first = learned()
    assert first == pytest.approx(both[:, :, 0].reshape(-1, 3))
    for shift in (0, 1):
        learner.choose(shift)
        loss, of_one, said = learned()
        assert said == pytest.approx(both[:, :, shift].reshape(-1, 3))
        likelihood = np.take_along_axis(both[:, :, shift], shifted[..., shift, None], axis=-1)[..., 0]
        assert loss == pytest.approx(-(np.log(likelihood) * weights[..., shift]).sum(), rel=1e-6)
        columns = slice(3 * shift, 3 * shift + 3)
        assert of_one[:, columns] == pytest.approx(2 * of_both[:, columns], abs=ROUNDING)
        assert not np.delete(of_one, columns, axis=1).any()
        assert np.array_equal(learner.predict(batch), both[:, :, shift])
        copy_weights(net, alone, shift=shift)
        assert Learner(alone, muon(1e-3), 1e-3).predict(batch) == pytest.approx(both[:, :, shift], abs=ROUNDING)


@pytest.mark.usefixtures("float64")
def test_stacked_frames_are_the_channels_of_one_image() -> None:
    net = network(join="channels")
    window = images(2, 2)
    maps = patches_of(net, window)
    first = next(layer for layer in net.recall.layers if isinstance(layer, keras.layers.Activation))
    inside = keras.Model(net.recall.input, first.input)(features_of(net, window))
    assert np.array(inside) == pytest.approx(np.concatenate([maps[:, 0], maps[:, 1]], axis=-1), abs=ROUNDING)


@pytest.mark.usefixtures("float64")
def test_alexnet_can_see_the_images_stacked_as_they_are() -> None:
    net = network("alexnet", join="channels")
    window = images(1, 2)
    normalised = features_of(net, window).reshape(1, 2, *SHAPE)
    first = next(layer for layer in net.recall.layers if isinstance(layer, keras.layers.Conv2D))
    inside = keras.Model(net.recall.input, first.input)(features_of(net, window))
    assert np.array(inside)[..., 1] == pytest.approx(normalised[:, 1, ..., 0], abs=ROUNDING)


@pytest.mark.usefixtures("float64")
def test_compact_sees_each_frame_beside_what_changed_since_the_one_before() -> None:
    net = network(frames=3)
    assert net.moving
    window = images(1, 3)
    maps = patches_of(net, window)[0]
    look = net.decider.get_layer("look")
    seen = np.array(keras.Model(net.decider.input, look._inbound_nodes[-1].input_tensors[0])(features_of(net, window)))
    own, changes = np.array(net.moving.own(maps)), np.array(net.moving.changes(maps[1:] - maps[:-1]))
    assert seen[0] == pytest.approx(own[0], abs=ROUNDING)
    assert seen[1:] == pytest.approx(own[1:] + changes, abs=ROUNDING)


def features_of(net: Network, window: np.ndarray) -> np.ndarray:
    batch, frames = window.shape[:2]
    return np.array(net.encoder(window.reshape(batch * frames, *SHAPE))).reshape(batch, frames, -1)


def patches_of(net: Network, window: np.ndarray) -> np.ndarray:
    """(B, N, h, w, c): SHAPE (24, 32, 1) in patches every 2 pixels."""
    return features_of(net, window).reshape(*window.shape[:2], 12, 16, 16)


def test_an_image_is_normalised_by_its_channels_levels() -> None:
    mean, deviation = np.array([100.0, 90.0], np.float32), np.array([50.0, 0.0], np.float32)
    image = np.empty((1, 4, 6, 2), np.uint8)
    image[..., 0], image[..., 1] = 150, 122
    said = np.array(normalized(image, mean, deviation))
    assert said[..., 0] == pytest.approx(np.ones((1, 4, 6)), abs=1e-3)
    assert said[..., 1] == pytest.approx(np.ones((1, 4, 6)), abs=1e-3)  # 32 grey levels at least


def test_attention_tells_where_a_thing_is_and_what() -> None:
    x = np.zeros((2, 33, 41, 1), np.float32)
    x[0, 8, 10], x[1, 24, 40] = 10.0, 1.0  # a faint one alike
    inside = keras.Input(x.shape[1:])
    model = keras.Model(inside, attended(inside, maps=1, contents=1))
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D):
            layer.set_weights([np.ones((1, 1, 1, 1)), np.zeros(1)][: len(layer.weights)])
    where, what = (np.array(part) for part in model(x))
    assert where == pytest.approx(np.array([[-2 + 4 * 8 / 32, -2 + 4 * 10 / 40], [-2 + 4 * 24 / 32, 2.0]]), abs=1e-3)
    assert what == pytest.approx(np.array([[10.0], [1.0]]), abs=1e-3)


def test_attention_on_an_image_of_one_color_looks_everywhere_alike() -> None:
    inside = keras.Input((9, 13, 1))
    where, _ = keras.Model(inside, attended(inside, maps=2, contents=1))(np.full((1, 9, 13, 1), 7.0, np.float32))
    assert np.array(where) == pytest.approx(np.zeros((1, 4)), abs=1e-3)


def test_a_dropped_older_frame_is_blank_and_a_swapped_one_that_of_another_window() -> None:
    net = network()
    decided = _WithoutDecision(net)
    runs = tf.constant(images(1, 4))
    plain = np.array(probabilities_of_runs(decided, runs, training=True)).reshape(3, 2, -1)
    lent = probabilities_of_runs(decided, runs, tf.constant([[DROPPED, 2, REPEATED]]), training=True)
    lent = np.array(lent).reshape(3, 2, -1)
    assert (lent[:, 1] == plain[:, 1]).all()
    assert (lent[0, 0] == 0).all()
    assert (lent[1, 0] == plain[2, 0]).all()
    assert (lent[2, 0] == plain[2, 1]).all()


class _WithoutDecision:
    """A network whose decider gives the sequence of features as it is, flat, and whose dropout is off."""

    moving = None

    def __init__(self, net: Network) -> None:
        self.frames_per_window, self.remembers_features = net.frames_per_window, net.remembers_features
        self.encoder = lambda frames, training: net.encoder(frames, training=False)
        self.decider = lambda sequence, training: tf.reshape(sequence, (sequence.shape[0], -1))


@pytest.mark.usefixtures("float64")
def test_the_saved_network_loads_without_our_code(tmp_path: Path) -> None:
    net = network()
    net.model.save(tmp_path / "model.keras")
    window = images(4, 2)
    loaded = keras.models.load_model(tmp_path / "model.keras", compile=False)
    assert np.array(loaded(window)) == pytest.approx(np.array(net.model(window)), abs=ROUNDING)


@pytest.mark.parametrize(
    ("encoder", "frames", "join"),
    [("compact", 1, "lstm"), ("compact", 3, "lstm"), ("alexnet", 2, "lstm"), ("compact", 2, "channels")],
)
@pytest.mark.slow(7)
def test_litert_says_what_keras_says_with_built_in_operations(encoder: str, frames: int, join: Join) -> None:
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    net = network(encoder, frames=frames, join=join)
    content = to_litert(net, weights="float32")
    interpreter = Interpreter(
        model_content=content,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    interpreter.allocate_tensors()
    operations = {row["op_name"] for row in interpreter._get_ops_details()}
    assert not {name for name in operations if name.startswith(("Flex", "VAR_HANDLE", "READ_VARIABLE"))}
    window = images(1, frames)
    inputs = {len(row["shape"]): row["index"] for row in interpreter.get_input_details()}
    assert set(inputs) == ({4, 3} if frames > 1 else {4})
    interpreter.set_tensor(inputs[4], window[:, -1])
    if frames > 1:
        interpreter.set_tensor(inputs[3], np.array(net.encoder(window[0, :-1]))[None])
    interpreter.invoke()
    outputs = {row["shape"][-1]: interpreter.get_tensor(row["index"]) for row in interpreter.get_output_details()}
    assert outputs[3] == pytest.approx(np.array(net.model(window)), abs=1e-4)
    assert outputs[net.feature_size] == pytest.approx(np.array(net.encoder(window[:, -1])), abs=1e-3)


@pytest.mark.parametrize(("frames", "join"), [(1, "lstm"), (2, "lstm"), (2, "channels")])
@pytest.mark.slow(4)
def test_the_attention_maps_that_are_exported_are_of_the_live_frame(frames: int, join: Join) -> None:
    from ai_edge_litert.interpreter import Interpreter

    net = network(frames=frames, join=join)
    content = attention_to_litert(net)
    assert content is not None
    interpreter = Interpreter(model_content=content)
    interpreter.allocate_tensors()
    inputs = {len(row["shape"]): row["index"] for row in interpreter.get_input_details()}
    (output,) = interpreter.get_output_details()
    window = np.full((1, frames, *SHAPE), 60, np.uint8)
    if frames > 1:
        interpreter.set_tensor(inputs[3], np.array(net.encoder(window[0, :-1]))[None])
    for row, column in ((6, 6), (6, 24), (18, 14)):
        thing = window[:, -1].copy()
        thing[0, row - 1 : row + 2, column - 1 : column + 2] = 250  # only in the live frame
        interpreter.set_tensor(inputs[4], thing)
        interpreter.invoke()
        maps = interpreter.get_tensor(output["index"])
        _, count, height, width = maps.shape
        assert maps.sum((2, 3)) == pytest.approx(np.ones((1, count)), abs=1e-3)
        top = np.unravel_index(maps.sum((0, 1)).argmax(), (height, width))
        found = (np.array(top) + 0.5) * np.array(SHAPE[:2]) / (height, width)
        assert np.abs(found - (row, column)).max() <= 3 * SHAPE[0] / height  # the convolutions see three patches around
    assert net.model.predict_on_batch(window).shape == (1, 3)  # and Keras' network is as it was


def test_an_encoder_without_attention_exports_none() -> None:
    assert attention_to_litert(network("alexnet")) is None
