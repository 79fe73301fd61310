"""What is recorded, shown to the person, who may draw a crop in it; a window of a process of its own."""

import json
from dataclasses import dataclass

import cv2

from agent.child_process import end_of, last_words, own_group, start_child
from agent.command_line.terminal import is_gone
from agent.frames import Box, Image
from collect.questions.person import Person


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the person drew in the picture, in its pixels: the part to record, and the size of the smallest thing."""

    crop: Box | None = None
    smallest: tuple[int, int] | None = None


def drawn_by(person: Person, picture: Image, color: str, size: tuple[int, int] | None) -> Drawn:
    """Show `picture`, uint8 (H, W, 4) BGRA, beside what the agent gets of it, until the person is done.

    `size` is that of a frame, None where it is proposed by the crop. Where no window
    can be shown, the person is told why, and nothing is drawn.
    """
    height, width = picture.shape[:2]
    about = {"width": width, "height": height, "color": color, "size": size}
    pixels = cv2.cvtColor(picture, cv2.COLOR_BGRA2RGB).tobytes()
    with start_child("collect.questions.picture_process", json.dumps(about), **own_group()) as process:
        try:
            try:
                end_of(process.stdin).write(pixels)
                end_of(process.stdin).close()
            except OSError as error:
                if not is_gone(error):
                    raise
            answer = end_of(process.stdout).read()
            if not answer:
                person.tell(
                    f"  {last_words(end_of(process.stderr), 'picture: its window has gone')}; going on without it"
                )
                return Drawn()
        finally:
            process.kill()  # Ctrl-C, while it is shown
    drawn = json.loads(answer)
    smallest = drawn["smallest"]
    return Drawn(Box(*drawn["crop"]) if drawn["crop"] else None, (smallest[0], smallest[1]) if smallest else None)
