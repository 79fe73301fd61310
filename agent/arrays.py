"""Names for the kinds of numpy arrays that are passed around; what has a shape says it in a comment or docstring."""

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]
Levels = npt.NDArray[np.uint8]  # grey levels, 0..255
