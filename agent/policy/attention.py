"""Where a policy looks: the attention maps of its encoder, by a LiteRT model of their own. `play` never opens it."""

from pathlib import Path

from agent.arrays import Floats
from agent.errors import TwoframeError
from agent.frames import Image
from agent.policy.format import ATTENTION_FILE, PolicyMeta, file_digest
from agent.policy.step import Inputs, open_model


class Attention:
    """The attention maps of one policy: `shape` is (maps, h, w)."""

    def __init__(self, meta: PolicyMeta, model: bytes, origin: str) -> None:
        self._interpreter = open_model(model, 1, origin)
        self._inputs = Inputs(self._interpreter, meta, origin)
        outputs = self._interpreter.get_output_details()
        found = [tuple(int(side) for side in output["shape"]) for output in outputs]
        if len(found) != 1 or len(found[0]) != 4 or found[0][0] != 1:
            raise TwoframeError(f"{origin}: found outputs {found}, expected one (1, maps, h, w); train again")
        self.shape = found[0][1:]
        self._output = outputs[0]["index"]

    @classmethod
    def load(cls, folder: Path, meta: PolicyMeta) -> "Attention | None":
        """That of the policy in `folder`; None if it has none: another encoder, or an older version of `train`.

        Raises `TwoframeError` if the file was altered or is not what `train` writes.
        """
        path = folder / ATTENTION_FILE
        if not path.exists() and ATTENTION_FILE not in meta.digests:
            return None
        if not path.is_file() or file_digest(path) != meta.digests.get(ATTENTION_FILE):
            raise TwoframeError(f"{path}: found another file than train wrote, expected that; copy the folder again")
        return cls(meta, path.read_bytes(), str(path))

    def maps(self, frame: Image, earlier: Floats) -> Floats:
        """(maps, h, w) float32: of each map the share that each place has, which sum to 1, in `frame` (H, W, C) uint8
        given `earlier` (1, N-1, D) float32 as `Policy.step` takes them. Valid until the next call."""
        self._inputs.put(frame, earlier)
        self._interpreter.invoke()
        maps: Floats = self._interpreter.get_tensor(self._output)[0]
        return maps
