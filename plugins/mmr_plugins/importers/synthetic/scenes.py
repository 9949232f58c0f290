"""Pictures of places: streets, crossings, road signs, rooms, landscapes and things on a table."""

from __future__ import annotations

from mmr_plugins.importers.synthetic.canvas import BLACK, GREY, PAINTS, WHITE, Canvas, Colour, Subject
from mmr_plugins.importers.synthetic.chance import TOWNS, Chance

MIST = (205, 208, 212)
SIZE = (160, 112)


def _street(canvas: Canvas) -> None:
    """Sky, houses, pavements and a road that runs away from the viewer."""
    draw = canvas.chance
    canvas.box((0, 0), (160, 50), fill=(165, 200, 235))
    for side in (0, 1):
        x = 0.0
        while x < 58:
            width, height = draw.between(14, 24), draw.between(18, 44)
            left = x if side == 0 else 160 - x - width
            shade = round(draw.between(130, 205))
            canvas.box((left, 50 - height), (width, height + 8), fill=(shade, shade - 18, shade - 34))
            for k in range(1 + canvas.extras(5)):
                window = (left + 3 + 7 * (k % 2), 54 - height + 9 * (k // 2))
                canvas.box(window, (4, 5), fill=(70, 85, 110))
            x += width + 1
    canvas.box((0, 56), (160, 56), fill=(165, 165, 160))
    canvas.polygon([(66, 50), (94, 50), (150, 112), (10, 112)], fill=(88, 90, 95))
    for k in range(4):
        top = 56 + 3.4 * k * k + 4 * k
        width = 0.8 + 0.9 * k
        canvas.polygon(
            [(80 - width, top), (80 + width, top), (80 + width, top + 3 + 2 * k), (80 - width, top + 3 + 2 * k)],
            fill=WHITE,
        )


def _car(canvas: Canvas, x: float, y: float, scale: float, colour: Colour) -> None:
    canvas.box((x - 9 * scale, y - 6 * scale), (18 * scale, 7 * scale), fill=colour)
    canvas.polygon(
        [
            (x - 6 * scale, y - 6 * scale),
            (x - 4 * scale, y - 11 * scale),
            (x + 4 * scale, y - 11 * scale),
            (x + 6 * scale, y - 6 * scale),
        ],
        fill=(185, 215, 235),
        edge=colour,
    )
    for wheel in (-5, 5):
        canvas.disc((x + wheel * scale, y + 1 * scale), 2.4 * scale, fill=BLACK)


def _walker(canvas: Canvas, x: float, y: float, scale: float, colour: Colour) -> None:
    canvas.disc((x, y - 13 * scale), 2.4 * scale, fill=(225, 180, 150))
    canvas.box((x - 2.4 * scale, y - 10.5 * scale), (4.8 * scale, 6 * scale), fill=colour)
    canvas.line([(x - 1.2 * scale, y - 4.5 * scale), (x - 2 * scale, y)], BLACK, 1.4 * scale)
    canvas.line([(x + 1.2 * scale, y - 4.5 * scale), (x + 2 * scale, y)], BLACK, 1.4 * scale)


def _passers_by(canvas: Canvas, most: int) -> None:
    draw = canvas.chance
    for _ in range(canvas.extras(most)):
        x = draw.pick((draw.between(4, 34), draw.between(126, 156)))
        _walker(canvas, x, draw.between(66, 104), draw.between(0.7, 1.5), PAINTS[draw.pick(list(PAINTS))])


def cars_on_a_street(chance: Chance) -> Subject:
    """A street with one to five cars."""
    count = chance.whole(1, 5)
    hues = [chance.pick(list(PAINTS)) for _ in range(count)]

    def paint(canvas: Canvas) -> None:
        _street(canvas)
        _passers_by(canvas, 8)
        for k, hue in enumerate(hues):
            depth = (k + 0.5) / 5
            side = -1 if k % 2 else 1
            _car(canvas, 80 + side * (8 + 30 * depth), 58 + 50 * depth, 0.5 + 1.1 * depth, PAINTS[hue])

    return Subject(
        ask=("How many cars are on the road?", "Determine the quantity of automobiles present on the carriageway."),
        answer=count,
        paint=paint,
        size=SIZE,
        paper=MIST,
        photograph=True,
    )


def traffic_light(chance: Chance) -> Subject:
    """A traffic light at a crossing."""
    lit = chance.pick(("red", "yellow", "green"))
    side = chance.pick((24, 132))

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        _street(canvas)
        for _ in range(canvas.extras(4)):
            _car(canvas, draw.between(40, 120), draw.between(64, 104), 1.0, PAINTS[draw.pick(list(PAINTS))])
        _passers_by(canvas, 6)
        canvas.line([(side, 108), (side, 40)], BLACK, 2.5)
        canvas.box((side - 8, 10), (16, 40), fill=(45, 45, 50))
        for k, hue in enumerate(("red", "yellow", "green")):
            canvas.disc((side, 17 + 13 * k), 5, fill=PAINTS[hue] if hue == lit else (85, 85, 88))

    return Subject(
        ask=("What colour is the traffic light?", "Ascertain which signal the traffic light is displaying."),
        answer=lit,
        paint=paint,
        wrong=("red", "yellow", "green", "blue", "it is off"),
        path=(
            "look along the road to the crossing",
            "find the post at the kerb",
            "follow the post upward to the black box",
            "see which of its three lamps is lit",
        ),
        size=SIZE,
        paper=MIST,
        photograph=True,
    )


def road_sign(chance: Chance) -> Subject:
    """A green sign that gives the distance to a town."""
    town, other = chance.some(TOWNS, 2)
    distance, further = chance.whole(2, 30), chance.whole(31, 90)

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        _street(canvas)
        for _ in range(canvas.extras(3)):
            _car(canvas, draw.between(40, 120), draw.between(76, 106), 1.1, PAINTS[draw.pick(list(PAINTS))])
        _passers_by(canvas, 5)
        canvas.line([(40, 100), (40, 50)], GREY, 2.5)
        canvas.line([(120, 100), (120, 50)], GREY, 2.5)
        canvas.box((30, 12), (100, 42), fill=(20, 110, 70), edge=WHITE, width=1.5)
        for k, (name, far) in enumerate(((town, distance), (other, further))):
            canvas.text((38, 16 + 18 * k), name, 13, WHITE)
            canvas.text((123, 16 + 18 * k), str(far), 13, WHITE, "ra")

    return Subject(
        ask=(
            f"According to the sign, how far is it to {town}?",
            f"Establish the remaining distance to {town} as indicated by the roadside panel.",
        ),
        answer=distance,
        paint=paint,
        size=SIZE,
        paper=MIST,
        photograph=True,
    )


def room(chance: Chance) -> Subject:
    """A room with a table and a thing that stands left or right of it."""
    things = chance.some(("lamp", "plant", "chair", "clock"), 2)
    hue = chance.pick(list(PAINTS))
    side = chance.pick(("left", "right"))

    def thing(canvas: Canvas, name: str, x: float) -> None:
        if name == "lamp":
            canvas.line([(x, 96), (x, 52)], BLACK, 2)
            canvas.polygon([(x - 9, 54), (x + 9, 54), (x + 5, 40), (x - 5, 40)], fill=PAINTS["yellow"], edge=BLACK)
        elif name == "plant":
            for lean in (-9, -4, 0, 4, 9):
                canvas.line([(x, 84), (x + lean, 56)], PAINTS["green"], 2.5)
            canvas.polygon([(x - 8, 82), (x + 8, 82), (x + 5, 97), (x - 5, 97)], fill=(170, 90, 60))
        elif name == "chair":
            canvas.box((x - 8, 72), (16, 4), fill=PAINTS["brown"])
            canvas.box((x - 8, 50), (3, 46), fill=PAINTS["brown"])
            canvas.box((x + 5, 74), (3, 22), fill=PAINTS["brown"])
        else:
            canvas.box((x - 9, 46), (18, 50), fill=(95, 60, 35))
            canvas.disc((x, 56), 6.5, fill=WHITE, edge=BLACK)
            canvas.line([(x, 51), (x, 56), (x + 3, 58)], BLACK, 1)

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.box((0, 0), (160, 78), fill=_tint(PAINTS[hue]))
        canvas.box((0, 78), (160, 34), fill=(170, 130, 90))
        canvas.box((60, 10), (40, 32), fill=(190, 220, 245), edge=WHITE, width=2)
        for _ in range(canvas.extras(7)):
            x, y = draw.pick((draw.between(4, 44), draw.between(106, 142))), draw.between(4, 34)
            canvas.box((x, y), (12, 9), fill=PAINTS[draw.pick(list(PAINTS))], edge=BLACK)
        for _ in range(canvas.extras(6)):
            canvas.disc((draw.between(10, 150), draw.between(98, 110)), 3, fill=PAINTS[draw.pick(list(PAINTS))])
        canvas.box((52, 66), (56, 6), fill=(110, 70, 40))
        for x in (56, 101):
            canvas.box((x, 72), (4, 26), fill=(110, 70, 40))
        places = {"left": 28, "right": 132}
        thing(canvas, things[0], places[side])
        thing(canvas, things[1], places["left" if side == "right" else "right"])

    return Subject(
        ask=(
            f"What stands to the {side} of the table?",
            f"Identify the object situated immediately to the {side} of the table.",
        ),
        answer=things[0],
        paint=paint,
        wrong=("lamp", "plant", "chair", "clock"),
        path=(
            "find the table in the middle of the room",
            "stand in front of it, facing the window",
            f"turn your eyes to the {side}",
            "stop at the first thing that stands on the floor",
        ),
        size=SIZE,
        paper=MIST,
        photograph=True,
    )


def landscape(chance: Chance) -> Subject:
    """Hills, a sky, and trees to be counted."""
    trees = chance.whole(1, 6)
    dusk = chance.happens(0.4)
    spots = chance.some(range(10), trees)

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.box((0, 0), (144, 60), fill=(240, 150, 95) if dusk else (150, 195, 240))
        canvas.disc((draw.between(20, 124), 18), 8, fill=(250, 235, 140))
        canvas.polygon([(0, 62), (30, 28), (58, 60), (92, 22), (144, 62), (144, 70), (0, 70)], fill=(120, 125, 140))
        canvas.box((0, 58), (144, 54), fill=(110, 160, 75))
        for _ in range(canvas.extras(22)):
            x, y = draw.between(0, 144), draw.between(64, 110)
            canvas.disc((x, y), draw.between(1.5, 4), fill=draw.pick(((85, 130, 60), GREY, (165, 170, 90))))
        for spot in spots:
            x, y = 10 + 14 * spot, 84 + 8 * (spot % 3)
            canvas.box((x - 1.5, y - 10), (3, 12), fill=(95, 65, 40))
            canvas.disc((x, y - 15), 7, fill=(30, 100, 45))

    return Subject(
        ask=("How many trees are there?", "Determine the quantity of trees in the foreground of the landscape."),
        answer=trees,
        paint=paint,
        size=(144, 112),
        paper=MIST,
        photograph=True,
    )


def still_life(chance: Chance) -> Subject:
    """Balls and boxes on a table; one is asked about by its place."""
    hues = [chance.pick(list(PAINTS)) for _ in range(5)]
    shapes = [chance.pick(("ball", "box")) for _ in hues]
    shown = chance.whole(0, 4)
    place = ("first", "second", "third", "fourth", "fifth")[shown]

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.box((0, 0), (144, 54), fill=(228, 222, 212))
        canvas.box((0, 54), (144, 58), fill=(150, 105, 70))
        for _ in range(canvas.extras(12)):
            x, y = draw.between(4, 140), draw.pick((draw.between(8, 48), draw.between(92, 108)))
            canvas.disc((x, y), draw.between(2, 4.5), fill=PAINTS[draw.pick(list(PAINTS))])
        for k, (hue, shape) in enumerate(zip(hues, shapes, strict=True)):
            x, y = 18 + 27 * k, 74 + 4 * (k % 2)
            canvas.disc((x, y + 11), 11, fill=(120, 82, 52), flatness=0.3)
            if shape == "ball":
                canvas.disc((x, y), 11, fill=PAINTS[hue])
                canvas.disc((x - 4, y - 4), 2.5, fill=WHITE)
            else:
                canvas.box((x - 10, y - 10), (20, 21), fill=PAINTS[hue], edge=BLACK)

    return Subject(
        ask=(
            f"What colour is the {place} thing in the row, from the left?",
            f"Specify the colouration of the {place} object, enumerated from the left.",
        ),
        answer=hues[shown],
        paint=paint,
        wrong=tuple(PAINTS),
        path=(
            "find the row of balls and boxes on the table",
            "begin at its left end",
            f"count to the {place} of them",
            "look at its largest face",
        ),
        size=(144, 112),
        paper=MIST,
        photograph=True,
    )


def _tint(colour: Colour) -> Colour:
    red, green, blue = ((c + 3 * 225) // 4 for c in colour)
    return red, green, blue
