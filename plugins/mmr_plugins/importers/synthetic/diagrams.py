"""Pictures of geometry: triangles, circles, parallel lines, solids and gauges."""

from __future__ import annotations

import math

from mmr_plugins.importers.synthetic.canvas import BLACK, GREY, PAINTS, Canvas, Point, Subject
from mmr_plugins.importers.synthetic.chance import Chance

PALE_BLUE = (215, 228, 245)


def _construction_lines(canvas: Canvas, most: int = 7) -> None:
    draw = canvas.chance
    for _ in range(canvas.extras(most)):
        x, y = draw.between(0, canvas.width), draw.between(0, canvas.height)
        end = (x + draw.between(-70, 70), y + draw.between(-70, 70))
        canvas.line([(x, y), end], GREY, 0.8)


def triangle(chance: Chance) -> Subject:
    """A triangle with two angles given; the third is asked for."""
    first, second = chance.whole(35, 75), chance.whole(35, 75)
    third = 180 - first - second
    given = chance.shuffled("ABC")

    def paint(canvas: Canvas) -> None:
        base = 100.0
        reach = base * math.sin(math.radians(second)) / math.sin(math.radians(third))
        top = (14 + reach * math.cos(math.radians(first)), 110 - reach * math.sin(math.radians(first)))
        scale = min(1.0, 92 / (110 - top[1]))
        corners: list[Point] = [(14, 110), (14 + base * scale, 110)]
        corners.append((14 + (top[0] - 14) * scale, 110 - (110 - top[1]) * scale))
        _construction_lines(canvas)
        canvas.polygon(corners, fill=PALE_BLUE, edge=BLACK, width=1.6)
        middle = (sum(x for x, _ in corners) / 3, sum(y for _, y in corners) / 3)
        for (x, y), name, degrees in zip(corners, given, (first, second, None), strict=True):
            away = (x + (x - middle[0]) * 0.16, y + (y - middle[1]) * 0.16)
            canvas.text(away, name, 11, anchor="mm")
            inside = (x + (middle[0] - x) * 0.38, y + (middle[1] - y) * 0.3)
            canvas.text(inside, "?" if degrees is None else f"{degrees}°", 9, PAINTS["red"], "mm")
        canvas.stray_marks(8)

    return Subject(
        ask=(
            f"What is the angle at {given[2]}, in degrees?",
            f"Determine, in degrees, the interior angle of the triangle at vertex {given[2]}.",
        ),
        answer=third,
        paint=paint,
        size=(132, 128),
    )


def circle(chance: Chance) -> Subject:
    """A circle with its radius or its diameter marked."""
    radius = chance.whole(2, 20)
    shows_diameter = chance.happens(0.5)
    tilt = chance.between(0, math.pi)

    def paint(canvas: Canvas) -> None:
        _construction_lines(canvas)
        canvas.disc((64, 64), 48, edge=BLACK, width=1.6)
        x, y = 48 * math.cos(tilt), 48 * math.sin(tilt)
        start = (64 - x, 64 - y) if shows_diameter else (64.0, 64.0)
        canvas.line([start, (64 + x, 64 + y)], PAINTS["blue"], 1.6)
        canvas.disc((64, 64), 2, fill=BLACK)
        canvas.text((58, 54), "O", 10, anchor="mm")
        label = str(2 * radius if shows_diameter else radius)
        canvas.text((64 + 0.55 * x + 7, 64 + 0.55 * y - 7), label, 11, PAINTS["red"], "mm")
        canvas.stray_marks(10)

    asks = (
        ("How long is the radius of the circle?", "Compute the length of the radius of the circle with centre O.")
        if shows_diameter
        else ("How wide is the circle?", "Compute the length of the diameter of the circle with centre O.")
    )
    return Subject(ask=asks, answer=radius if shows_diameter else 2 * radius, paint=paint)


def parallels(chance: Chance) -> Subject:
    """Two parallel lines cut by a third, with one angle marked."""
    degrees = chance.whole(40, 140)
    same = chance.happens(0.5)

    def paint(canvas: Canvas) -> None:
        _construction_lines(canvas)
        slope = math.radians(degrees)
        for y, name in ((42, "g"), (88, "h")):
            canvas.line([(6, y), (138, y)], BLACK, 1.6)
            canvas.text((132, y - 8), name, 10, anchor="mm")
        dx = 60 / math.tan(slope)
        canvas.line([(72 - dx, 125), (72 + dx, 5)], PAINTS["blue"], 1.6)
        for y, label in ((42, f"{degrees}°"), (88, "x")):
            x = 72 + (65 - y) / math.tan(slope)
            canvas.arc((x, y), 11, -degrees, 0, PAINTS["red"], 1.2)
            canvas.text((x + 22, y - 9), label, 9.5, PAINTS["red"], "mm")
        canvas.stray_marks(8)

    asks = (
        ("Lines g and h are parallel. How many degrees has x?", "Given that g is parallel to h, determine angle x.")
        if same
        else (
            "Lines g and h are parallel. How many degrees has the angle beside x on line h?",
            "Given that g is parallel to h, determine the supplementary angle of x.",
        )
    )
    return Subject(ask=asks, answer=degrees if same else 180 - degrees, paint=paint, size=(144, 130))


def solid(chance: Chance) -> Subject:
    """A box in perspective with its three edges given; its volume or one face is asked for."""
    a, b, c = (chance.whole(2, 9) for _ in range(3))
    volume = chance.happens(0.6)

    def paint(canvas: Canvas) -> None:
        _construction_lines(canvas, 6)
        w, h, d = 34 + 3.5 * a, 26 + 3.5 * b, 12 + 2.0 * c
        x, y = 22.0, 112.0
        front: list[Point] = [(x, y), (x + w, y), (x + w, y - h), (x, y - h)]
        canvas.polygon(front, fill=(200, 215, 240), edge=BLACK, width=1.3)
        lid: list[Point] = [(x, y - h), (x + w, y - h), (x + w + d, y - h - d * 0.6), (x + d, y - h - d * 0.6)]
        canvas.polygon(lid, fill=(225, 235, 250), edge=BLACK, width=1.3)
        side: list[Point] = [(x + w, y), (x + w + d, y - d * 0.6), (x + w + d, y - h - d * 0.6), (x + w, y - h)]
        canvas.polygon(side, fill=(165, 185, 220), edge=BLACK, width=1.3)
        canvas.text((x + w / 2, y + 7), str(a), 10, anchor="mm")
        canvas.text((x - 7, y - h / 2), str(b), 10, anchor="mm")
        canvas.text((x + w + d / 2 + 7, y - d * 0.3 + 6), str(c), 10, anchor="mm")
        canvas.stray_marks(10)

    asks = (
        ("How many unit cubes fit into the box?", "Compute the volume of the rectangular solid.")
        if volume
        else ("How large is the front face?", "Compute the area of the face parallel to the plane of projection.")
    )
    return Subject(ask=asks, answer=a * b * c if volume else a * b, paint=paint, size=(136, 128))


def gauge(chance: Chance) -> Subject:
    """A round instrument with a needle."""
    reading = chance.whole(0, 10) * 10
    unit = chance.pick(("bar", "volts", "degrees", "knots"))

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.disc((64, 66), 54, fill=(240, 240, 242), edge=BLACK, width=2)
        for k in range(11):
            turn = math.radians(135 + 27 * k)
            x, y = math.cos(turn), math.sin(turn)
            canvas.line([(64 + 44 * x, 66 + 44 * y), (64 + 51 * x, 66 + 51 * y)], BLACK, 1.2)
            if k % 2 == 0:
                canvas.text((64 + 35 * x, 66 + 35 * y), str(10 * k), 9, anchor="mm")
        for _ in range(canvas.extras(5)):
            turn = draw.between(0, 2 * math.pi)
            canvas.line([(64, 66), (64 + 24 * math.cos(turn), 66 + 24 * math.sin(turn))], GREY, 1.2)
        turn = math.radians(135 + 2.7 * reading)
        canvas.line([(64, 66), (64 + 40 * math.cos(turn), 66 + 40 * math.sin(turn))], PAINTS["red"], 2.2)
        canvas.disc((64, 66), 4, fill=BLACK)
        canvas.text((64, 100), unit, 10, anchor="mm")
        canvas.stray_marks(12)

    return Subject(
        ask=(
            f"How many {unit} does the red needle show?",
            f"Ascertain the magnitude, in {unit}, indicated by the instrument.",
        ),
        answer=reading,
        paint=paint,
        size=(128, 132),
    )
