"""Boxes of text that stand side by side: a flow layout for terminals. Pure."""

import itertools
from collections.abc import Iterable, Sequence
from typing import TypeAlias

from rich.text import Text

Box: TypeAlias = list[Text]
"""Lines of a part of a picture, from its top left corner; they may differ in length."""


def flow(boxes: Sequence[Box], width: int, gap: int, blank_lines: int = 0) -> Box:
    """Put boxes side by side as far as there is room, and the rest below.

    Args:
        boxes: The boxes, in order.
        width: How many columns there are; a box that is wider stands alone.
        gap: How many columns are left free between two boxes.
        blank_lines: How many lines are left free between two rows of boxes.

    Returns:
        One box with all of them.
    """
    lines: Box = []
    for line_of_boxes in _wrapped(boxes, width, gap):
        if lines:
            lines += [Text()] * blank_lines
        lines += _beside(line_of_boxes, gap)
    return lines


def _wrapped(boxes: Iterable[Box], width: int, gap: int) -> Iterable[list[Box]]:
    line: list[Box] = []
    used = 0
    for box in boxes:
        need = _width(box)
        if line and used + gap + need > width:
            yield line
            line, used = [], 0
        used += need + (gap if line else 0)
        line.append(box)
    if line:
        yield line


def _beside(boxes: Sequence[Box], gap: int) -> Box:
    """Join the lines of boxes that stand side by side."""
    lines = []
    for parts in itertools.zip_longest(*boxes, fillvalue=Text()):
        line = Text()
        for box, part in zip(boxes, parts, strict=True):
            line.append_text(part)
            if box is not boxes[-1]:
                line.append(" " * (_width(box) + gap - part.cell_len))
        lines.append(line)
    return lines


def _width(box: Box) -> int:
    return max((line.cell_len for line in box), default=0)
