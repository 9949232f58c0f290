"""Pictures of puzzles: tiled grids, stacks of blocks, clocks, dice and networks of paths."""

from __future__ import annotations

import math

from mmr_plugins.importers.synthetic.canvas import BLACK, GREY, PAINTS, WHITE, Canvas, Point, Subject
from mmr_plugins.importers.synthetic.chance import Chance

PIPS: dict[int, tuple[tuple[int, int], ...]] = {
    1: ((0, 0),),
    2: ((-1, -1), (1, 1)),
    3: ((-1, -1), (0, 0), (1, 1)),
    4: ((-1, -1), (1, -1), (-1, 1), (1, 1)),
    5: ((-1, -1), (1, -1), (0, 0), (-1, 1), (1, 1)),
    6: ((-1, -1), (1, -1), (-1, 0), (1, 0), (-1, 1), (1, 1)),
}


def tiles(chance: Chance) -> Subject:
    """A grid of tiles, some of them of one colour."""
    side = chance.whole(4, 6)
    hue, other = chance.some(list(PAINTS), 2)
    coloured = set(chance.some(range(side * side), chance.whole(3, side * side // 2)))

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        room = 112 / side
        marked = set(draw.some([k for k in range(side * side) if k not in coloured], canvas.extras(8)))
        for k in range(side * side):
            corner = (8 + room * (k % side), 8 + room * (k // side))
            fill = PAINTS[hue] if k in coloured else PAINTS[other] if k in marked else WHITE
            canvas.box(corner, (room, room), fill=fill, edge=BLACK, width=1.1)
        canvas.stray_marks(12)

    return Subject(
        ask=(f"How many tiles are {hue}?", f"Determine the cardinality of the set of {hue} cells."),
        answer=len(coloured),
        paint=paint,
    )


def blocks(chance: Chance) -> Subject:
    """Columns of stacked blocks."""
    heights = [chance.whole(1, 5) for _ in range(chance.whole(3, 5))]

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        for _ in range(canvas.extras(8)):
            x, y = draw.between(0, 118), draw.between(0, 40)
            canvas.box((x, y), (9, 9), edge=GREY, width=0.8)
        for k, height in enumerate(heights):
            for level in range(height):
                x, y = 12 + 24 * k, 104 - 17 * level
                canvas.box((x, y), (17, 17), fill=PAINTS["orange"], edge=BLACK)
                roof: list[Point] = [(x, y), (x + 17, y), (x + 22, y - 5), (x + 5, y - 5)]
                canvas.polygon(roof, fill=(250, 190, 120), edge=BLACK)
                flank: list[Point] = [(x + 17, y), (x + 22, y - 5), (x + 22, y + 12), (x + 17, y + 17)]
                canvas.polygon(flank, fill=(190, 95, 25), edge=BLACK)
        canvas.stray_marks(10)

    return Subject(
        ask=("How many blocks are stacked here?", "Determine the total number of cubes comprising the arrangement."),
        answer=sum(heights),
        paint=paint,
        size=(140, 128),
    )


def clock(chance: Chance) -> Subject:
    """A clock face at a full five minutes; the minutes past the hour are asked for."""
    hour, minute = chance.whole(1, 12), 5 * chance.whole(0, 11)

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.disc((64, 64), 55, fill=(252, 250, 240), edge=BLACK, width=2.2)
        for k in range(1, 13):
            turn = math.radians(30 * k - 90)
            canvas.text((64 + 44 * math.cos(turn), 64 + 44 * math.sin(turn)), str(k), 10.5, anchor="mm")
        for _ in range(canvas.extras(4)):
            turn = draw.between(0, 2 * math.pi)
            canvas.line([(64, 64), (64 + 34 * math.cos(turn), 64 + 34 * math.sin(turn))], GREY, 1)
        for turn, reach, width in ((30 * hour + minute / 2, 24, 3.2), (6 * minute, 37, 1.8)):
            angle = math.radians(turn - 90)
            canvas.line([(64, 64), (64 + reach * math.cos(angle), 64 + reach * math.sin(angle))], BLACK, width)
        canvas.disc((64, 64), 3, fill=PAINTS["red"])
        canvas.stray_marks(14)

    return Subject(
        ask=(
            "How many minutes past the hour is it?",
            "Determine how many minutes have elapsed since the most recent complete hour.",
        ),
        answer=minute,
        paint=paint,
    )


def dice(chance: Chance) -> Subject:
    """Several dice; the sum of their pips is asked for."""
    thrown = [chance.whole(1, 6) for _ in range(chance.whole(2, 5))]

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.box((0, 0), (144, 112), fill=(45, 120, 80))
        for _ in range(canvas.extras(9)):
            canvas.disc((draw.between(4, 140), draw.between(4, 108)), 4.5, fill=PAINTS[draw.pick(list(PAINTS))])
        for k, number in enumerate(thrown):
            x, y = 26 + 46 * (k % 3) + draw.normal() * 2, 32 + 48 * (k // 3) + draw.normal() * 2
            canvas.box((x - 16, y - 16), (32, 32), fill=WHITE, edge=BLACK, width=1.2)
            for across, down in PIPS[number]:
                canvas.disc((x + 9 * across, y + 9 * down), 2.8, fill=BLACK)

    return Subject(
        ask=("What do the dice add up to?", "Compute the sum of the pips displayed by the dice."),
        answer=sum(thrown),
        paint=paint,
        size=(144, 112),
        paper=(120, 140, 125),
    )


def network(chance: Chance) -> Subject:
    """Points joined by lines; how many lines meet at one of them is asked for."""
    names = "ABCDEF"
    pairs = [(i, k) for i in range(6) for k in range(i + 1, 6)]
    joined = chance.some(pairs, chance.whole(6, 10))
    asked = chance.whole(0, 5)

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        spots: list[Point] = [
            (64 + 46 * math.cos(math.pi * k / 3 + 0.3), 64 + 46 * math.sin(math.pi * k / 3 + 0.3)) for k in range(6)
        ]
        for _ in range(canvas.extras(8)):
            canvas.disc((draw.between(6, 122), draw.between(6, 122)), 3, edge=GREY, width=0.8)
        for i, k in joined:
            canvas.line([spots[i], spots[k]], PAINTS["blue"], 1.5)
        for name, (x, y) in zip(names, spots, strict=True):
            canvas.disc((x, y), 9, fill=(255, 240, 200), edge=BLACK, width=1.2)
            canvas.text((x, y), name, 10.5, anchor="mm")
        canvas.stray_marks(10)

    name = names[asked]
    return Subject(
        ask=(
            f"How many lines meet at {name}?",
            f"Determine the degree of vertex {name} in the depicted graph.",
        ),
        answer=sum(asked in pair for pair in joined),
        paint=paint,
    )
