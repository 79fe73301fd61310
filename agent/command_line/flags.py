"""Flags read from a flat dataclass, with a help that is grouped by what a person wants to do.

A field names its group beside its type, `epochs: Annotated[int, LEARNING] = 30` with `LEARNING = Group("learning")`; a
field that names none is among the first options, beside `--help`. Only the help knows of groups: the options that a
command gets stay flat, and so does what is stored of them. `tyro.cli(Options, registry=FLAGS, ...)` reads them.
"""

import ast
import inspect
import textwrap
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from functools import cache
from itertools import pairwise
from typing import Annotated, Any, cast, get_args, get_origin, get_type_hints

import tyro
from tyro.constructors import ConstructorRegistry, StructConstructorSpec, StructFieldSpec, StructTypeInfo

FLAGS = ConstructorRegistry()


@dataclass(frozen=True, slots=True)
class Group:
    """A box of the help, headed `title` options; `note` stands above its flags."""

    title: str
    note: str = ""


class _Box:
    """To tyro a nested struct, which it draws a box around; made anew for each group of a command."""

    flags: tuple[StructFieldSpec, ...]


@FLAGS.struct_rule
def _in_boxes(info: StructTypeInfo) -> StructConstructorSpec | None:
    """How tyro is to see options, and the boxes that are made of them here."""
    if isinstance(info.type, type) and issubclass(info.type, _Box):
        return StructConstructorSpec(dict, info.type.flags)
    if not is_dataclass(info.type) or hasattr(info.type, "__parameters__"):
        return None  # no options; the generic one is what tyro wraps around several commands
    options = info.type
    types = get_type_hints(options, include_extras=True)
    seen: list[StructFieldSpec] = []
    boxes: dict[Group, list[StructFieldSpec]] = {}
    for field in fields(options):
        flag, group = _flag(options, field, types[field.name], info.default)
        (boxes.setdefault(group, []) if group else seen).append(flag)
    for group, flags in boxes.items():
        box = type("Box", (_Box,), {"flags": tuple(flags)})
        named = cast(Any, Annotated[box, tyro.conf.arg(name=group.title)])
        seen.append(StructFieldSpec(group.title, named, tyro.MISSING_NONPROP, group.note))

    def flat(**given: Any) -> Any:
        for group in boxes:
            given |= given.pop(group.title)
        return options(**given)

    flat.__doc__ = options.__doc__  # the description of a subcommand
    return StructConstructorSpec(flat, tuple(seen))


def _flag(options: type, field: Field[Any], annotated: Any, given: Any) -> tuple[StructFieldSpec, Group | None]:
    """One flag and its group. `given`: options whose values are the defaults, or a sentinel of tyro's."""
    kind, *told = get_args(annotated) if get_origin(annotated) is Annotated else (annotated,)
    ours = (tyro.conf.FlagCreatePairsOff, tyro.conf.arg(prefix_name=False, help_behavior_hint=_hint))
    default = tyro.MISSING_NONPROP if field.default is MISSING else field.default
    flag = StructFieldSpec(
        field.name,
        cast(Any, Annotated[(kind, *ours, *told)]),  # what a field tells of itself comes last and wins
        getattr(given, field.name) if isinstance(given, options) else default,
        lambda: _helps(options).get(field.name),
    )
    return flag, next((group for group in told if isinstance(group, Group)), None)


def _hint(default: str) -> str:
    """What the help says of a default, as tyro words it; nothing where it says nothing."""
    return "" if default in ("", "None", "False") else f"(default: {default.removesuffix('.0')})"


@cache
def _helps(options: type) -> dict[str, str]:
    """The strings under the fields, which nothing but the source knows of."""
    helps = {}
    for kind in reversed(options.__mro__):
        if not is_dataclass(kind):
            continue
        try:
            source = inspect.getsource(kind)
        except OSError:
            continue  # installed without its source: flags without their help are better than none
        body = ast.parse(textwrap.dedent(source)).body[0]
        for pair in pairwise(cast(ast.ClassDef, body).body):
            match pair:
                case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                    helps[name] = " ".join(text.split())
    return helps
