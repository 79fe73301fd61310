"""Imported before anything of the demo's game: the warnings of Box2D's generated code must not become errors here.

It warns while C runs, where an error ends the whole process.
"""

import warnings

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    import Box2D  # noqa: F401
