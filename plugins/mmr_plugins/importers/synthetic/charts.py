"""Pictures of data: bar charts, line charts, pies, road maps and function graphs."""

from __future__ import annotations

import math

from mmr_plugins.importers.synthetic.canvas import BLACK, GREY, PAINTS, WHITE, Canvas, Subject
from mmr_plugins.importers.synthetic.chance import SURNAMES, TOWNS, Chance

PALE = (225, 225, 230)


def _axes(canvas: Canvas, left: float, bottom: float, right: float, top: float, step: float) -> None:
    y = bottom
    while y > top:
        y -= step
        canvas.line([(left, y), (right, y)], PALE, 0.8)
    canvas.line([(left, top), (left, bottom), (right, bottom)], BLACK, 1.2)


def bars(chance: Chance) -> Subject:
    """A bar chart with a number on each bar."""
    names = chance.some(SURNAMES, chance.whole(4, 6))
    heights = [chance.whole(4, 40) for _ in names]
    shown = chance.whole(0, len(names) - 1)
    tallest = chance.happens(0.4)
    hue = chance.pick(list(PAINTS))

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        _axes(canvas, 14, 96, 150, 10, 17)
        room = 134 / len(names)
        for k, (name, height) in enumerate(zip(names, heights, strict=True)):
            x = 18 + room * k
            canvas.box((x, 96 - 1.95 * height), (room * 0.66, 1.95 * height), fill=PAINTS[hue])
            canvas.text((x + room * 0.33, 92 - 1.95 * height), str(height), 8.5, anchor="mm")
            canvas.text((x + room * 0.33, 103), name, 7.5, anchor="mm")
        for _ in range(canvas.extras(5)):
            y = draw.between(14, 90)
            canvas.line([(14, y), (150, draw.between(14, 90))], PAINTS[draw.pick(list(PAINTS))], 1)
        canvas.stray_marks(8)

    name = names[shown]
    asks = (
        ("What is the greatest number in the chart?", "Determine the maximum value represented by any bar.")
        if tallest
        else (f"How high is the bar of {name}?", f"Determine the value represented by the bar labelled {name}.")
    )
    return Subject(ask=asks, answer=max(heights) if tallest else heights[shown], paint=paint, size=(156, 112))


def lines(chance: Chance) -> Subject:
    """A line chart with two series over six years."""
    years = list(range(2014, 2020))
    series = {name: [chance.whole(4, 38) for _ in years] for name in chance.some(list(PAINTS), 2)}
    name = chance.pick(list(series))
    shown = chance.whole(0, 5)

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        _axes(canvas, 16, 94, 152, 8, 14)
        spare = {hue: [draw.whole(4, 38) for _ in years] for hue in PAINTS if hue not in series}
        distractors = dict(list(spare.items())[: canvas.extras(4)])
        for hue, numbers in {**distractors, **series}.items():
            points = [(20 + 25 * k, 94 - 2.1 * number) for k, number in enumerate(numbers)]
            width = 2.0 if hue in series else 1.0
            canvas.line(points, PAINTS[hue], width)
            for (x, y), number in zip(points, numbers, strict=True):
                canvas.disc((x, y), 1.8, fill=PAINTS[hue])
                if hue in series:
                    canvas.text((x, y - 6), str(number), 8, anchor="mm")
        for k, year in enumerate(years):
            canvas.text((20 + 25 * k, 102), str(year), 8.5, anchor="mm")

    return Subject(
        ask=(
            f"What is the value of the {name} line in {years[shown]}?",
            f"Determine the magnitude attained by the {name} series in the year {years[shown]}.",
        ),
        answer=series[name][shown],
        paint=paint,
        size=(160, 112),
    )


def pie(chance: Chance) -> Subject:
    """A pie chart of four parts with a legend."""
    names = chance.some(TOWNS, 4)
    hues = chance.some(list(PAINTS), 4)
    cuts = sorted(chance.some(range(8, 93, 4), 3))
    parts = [b - a for a, b in zip([0, *cuts], [*cuts, 100], strict=True)]
    largest = names[parts.index(max(parts))]

    def paint(canvas: Canvas) -> None:
        start = -90.0
        for hue, part in zip(hues, parts, strict=True):
            canvas.wedge((54, 64), 44, start, start + 3.6 * part, PAINTS[hue])
            start += 3.6 * part
        for k, (name, hue) in enumerate(zip(names, hues, strict=True)):
            canvas.box((104, 22 + 20 * k), (9, 9), fill=PAINTS[hue])
            canvas.text((117, 21 + 20 * k), name, 10)
        canvas.stray_marks(16)

    return Subject(
        ask=("Which town has the largest slice?", "Identify the municipality associated with the predominant sector."),
        answer=largest,
        paint=paint,
        wrong=tuple(TOWNS),
        path=(
            "look at the slices of the pie",
            "find the one that takes up the most room",
            "note its colour",
            "look that colour up in the legend",
        ),
        size=(160, 128),
    )


def road_map(chance: Chance) -> Subject:
    """Towns joined by roads, with distances."""
    towns = chance.some(TOWNS, 5)
    spots = [(24, 26), (118, 22), (74, 62), (26, 104), (128, 102)]
    legs = {(0, 2): 0, (1, 2): 0, (2, 3): 0, (2, 4): 0, (0, 1): 0, (3, 4): 0}
    legs = {leg: chance.whole(3, 60) for leg in legs}
    a, b = chance.pick(list(legs))

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.box((0, 0), (152, 124), fill=(232, 240, 222))
        river = [(x, 70 + 18 * math.sin(x / 24.0) + draw.normal()) for x in range(-5, 160, 8)]
        canvas.line(river, (150, 195, 230), 5)
        for _ in range(canvas.extras(9)):
            x, y = draw.between(0, 150), draw.between(0, 120)
            canvas.line([(x, y), (x + draw.between(-50, 50), y + draw.between(-50, 50))], (190, 180, 150), 1.5)
        for (i, k), distance in legs.items():
            canvas.line([spots[i], spots[k]], (215, 150, 60), 2.2)
            x, y = (spots[i][0] + spots[k][0]) / 2, (spots[i][1] + spots[k][1]) / 2
            canvas.box((x - 7, y - 5), (14, 10), fill=WHITE)
            canvas.text((x, y), str(distance), 8.5, anchor="mm")
        for town, (x, y) in zip(towns, spots, strict=True):
            canvas.disc((x, y), 3.5, fill=PAINTS["red"], edge=BLACK)
            canvas.text((x, y - 9), town, 9.5, anchor="mm")

    return Subject(
        ask=(
            f"How far is it by the straight road from {towns[a]} to {towns[b]}?",
            f"Establish the indicated distance of the direct connection between {towns[a]} and {towns[b]}.",
        ),
        answer=legs[(a, b)],
        paint=paint,
        size=(152, 124),
        paper=(236, 238, 230),
    )


def graph_of_function(chance: Chance) -> Subject:
    """A straight line or a parabola in a coordinate grid."""
    bend = chance.happens(0.5)
    slope, shift = chance.pick((-2, -1, 1, 2)), chance.whole(-3, 3)
    at = chance.whole(-2, 2)

    def value(x: float) -> float:
        return x * x + shift if bend else slope * x + shift

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        for k in range(-6, 7):
            canvas.line([(64 + 10 * k, 2), (64 + 10 * k, 126)], PALE, 0.7)
            canvas.line([(2, 64 + 10 * k), (126, 64 + 10 * k)], PALE, 0.7)
        canvas.line([(64, 2), (64, 126)], BLACK, 1.2)
        canvas.line([(2, 64), (126, 64)], BLACK, 1.2)
        for k in (-4, -2, 2, 4):
            canvas.text((64 + 10 * k, 70), str(k), 7.5, anchor="mm")
            canvas.text((58, 64 - 10 * k), str(k), 7.5, anchor="mm")
        for _ in range(canvas.extras(4)):
            tilt, rise = draw.between(-2, 2), draw.between(-40, 40)
            canvas.line([(4, 64 - rise + 60 * tilt), (124, 64 - rise - 60 * tilt)], PAINTS["green"], 1)
        steps = [k / 8 for k in range(-46, 47)]
        points = [(64 + 10 * x, 64 - 10 * value(x)) for x in steps if abs(value(x)) <= 6.2]
        canvas.line(points, PAINTS["blue"], 2)
        canvas.text((108, 8), "f", 12, PAINTS["blue"])
        canvas.line([(2, 2), (126, 2), (126, 126), (2, 126), (2, 2)], GREY, 0.7)

    return Subject(
        ask=(f"What is f({at}) in the graph?", f"Determine the ordinate of the depicted function f at x = {at}."),
        answer=int(value(at)),
        paint=paint,
        size=(128, 128),
    )
