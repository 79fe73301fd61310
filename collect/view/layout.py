"""How the view is laid out at once: the picture large, lanes and probabilities below it, a tab for each recording."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import rerun as rr
import rerun.blueprint as rrb

from collect.view.runs import SECONDS, TIME_OF_DAY, Run

HEIGHT, MOST_LANES = 19, 9  # of a window, and of what the lanes take of it, in lanes
MOST_TOGETHER = 9  # pictures beside each other
# Of lanes and curves: enough that a press of a tenth of a second is seen.
AROUND_NOW = rrb.TimeAxis(
    view_range=rr.TimeRange(
        start=rr.TimeRangeBoundary.cursor_relative(seconds=-8), end=rr.TimeRangeBoundary.cursor_relative(seconds=4)
    )
)


def layout(runs: Sequence[Run]) -> Any:
    """A blueprint for `runs`, which are in the order in which they began; by the time of day where several have it."""
    by_day = len(runs) > 1 and all(run.begun_ns is not None for run in runs)
    tabs = [_of_one(run) for run in runs]
    shown = tabs[0] if len(runs) == 1 else rrb.Tabs(_of_all(runs, by_day=by_day), *tabs, active_tab=0)
    return rrb.Blueprint(
        shown,
        rrb.BlueprintPanel(state="collapsed"),
        rrb.SelectionPanel(state="collapsed"),
        rrb.TimePanel(state="collapsed", timeline=TIME_OF_DAY if by_day else SECONDS),
        auto_layout=False,
        auto_views=False,
    )


def _of_one(run: Run) -> Any:
    recording = run.recording
    lanes = rrb.StateTimelineView(
        origin=run.root,
        contents=["$origin/action/**", "$origin/who", "$origin/held/**", "$origin/gap"],
        name="action and keys",
        time_view=AROUND_NOW,
    )
    curves = []
    if recording.probabilities is not None:
        curves.append(_curves(run, "said", "what it said while it played"))
    if run.adviser:
        curves.append(_curves(run, "policy", f"what {run.adviser.folder.name} says"))
    lanes_height = min(MOST_LANES, 3 + len(recording.meta.keys) + (recording.control is not None) + bool(run.adviser))
    curves_height = 4 if curves else 0
    heights = [HEIGHT - lanes_height - curves_height, lanes_height, curves_height]
    parts = [_picture(run), lanes, *([rrb.Horizontal(*curves)] if curves else [])]
    return rrb.Vertical(*parts, row_shares=heights[: len(parts)], name=run.name)


def _of_all(runs: Sequence[Run], *, by_day: bool) -> Any:
    """What is shown at a time, in one picture where that is never more than one recording, and all actions below."""
    lanes = rrb.StateTimelineView(origin="/", contents=[f"{run.root}/action/done" for run in runs], name="actions")
    if by_day and all(before.ends_before(after) for before, after in pairwise(runs)):
        sizes = [run.recording.meta.frame for run in runs]
        bounds = rrb.VisualBounds2D(
            x_range=(0, max(size.width for size in sizes)), y_range=(0, max(size.height for size in sizes))
        )
        contents = [f"{run.root}/picture/**" for run in runs]
        pictures = rrb.Spatial2DView(origin="/", contents=contents, name="picture", visual_bounds=bounds)
    else:
        pictures = rrb.Grid(*map(_picture, runs[:MOST_TOGETHER]))
    return rrb.Vertical(pictures, lanes, row_shares=[3, 1], name="all")


def _picture(run: Run) -> Any:
    return rrb.Spatial2DView(origin=f"{run.root}/picture", name=run.name)


def _curves(run: Run, path: str, name: str) -> Any:
    return rrb.TimeSeriesView(
        origin=f"{run.root}/{path}", name=name, axis_x=AROUND_NOW, axis_y=rrb.ScalarAxis(range=(0.0, 1.0))
    )
