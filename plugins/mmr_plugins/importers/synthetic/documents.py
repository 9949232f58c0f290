"""Pictures of print: words, shop signs, formulas, letters, receipts, tables and web pages."""

from __future__ import annotations

from mmr_plugins.importers.synthetic.canvas import BLACK, GREY, PAINTS, WHITE, Canvas, Subject
from mmr_plugins.importers.synthetic.chance import GOODS, SURNAMES, TOWNS, WORDS, Chance


def printed_word(chance: Chance) -> Subject:
    """One word in print on a coloured card."""
    word = chance.pick(WORDS)
    paint_name = chance.pick(list(PAINTS))

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.box((8, 10), (112, 44), fill=PAINTS[paint_name])
        canvas.text((64, 32), word, draw.between(19, 24), WHITE, "mm")
        for k in range(canvas.extras(6)):
            canvas.text((draw.between(4, 84), 2 + k * 9.5), draw.pick(WORDS), draw.between(6, 9), GREY)
        canvas.stray_marks(10)

    return Subject(
        ask=("What is the word on the card?", "Transcribe the term that is printed on the coloured rectangle."),
        answer=word,
        paint=paint,
        spelling=True,
        size=(128, 64),
    )


def shop_sign(chance: Chance) -> Subject:
    """A shop front with a name above its window."""
    owner, goods = chance.pick(SURNAMES), chance.pick(GOODS)
    wall, board = chance.some(list(PAINTS), 2)

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.box((0, 0), (144, 112), fill=(222, 214, 200))
        canvas.box((14, 8), (116, 100), fill=_pale(PAINTS[wall]))
        canvas.box((20, 14), (104, 22), fill=PAINTS[board])
        canvas.text((72, 25), f"{owner} & Co", 15, WHITE, "mm")
        canvas.box((24, 46), (52, 42), fill=(170, 205, 225), edge=BLACK)
        canvas.text((50, 66), goods, 11, BLACK, "mm")
        canvas.box((90, 46), (26, 62), fill=(105, 75, 50), edge=BLACK)
        canvas.disc((111, 78), 1.8, fill=PAINTS["yellow"])
        for _ in range(canvas.extras(7)):
            x, y = draw.between(0, 120), draw.between(38, 96)
            canvas.box((x, y), (draw.between(10, 24), 8), fill=PAINTS[draw.pick(list(PAINTS))])
            canvas.text((x + 1, y), draw.pick(WORDS)[:4], 6.5, WHITE)

    return Subject(
        ask=("What name is on the shop sign?", "Identify the proprietor named on the principal signboard."),
        answer=owner,
        paint=paint,
        spelling=True,
        size=(144, 112),
        photograph=True,
    )


def formula(chance: Chance) -> Subject:
    """A sum in an unsteady hand."""
    a, b, c = chance.whole(2, 9), chance.whole(2, 9), chance.whole(1, 30)
    sign = chance.pick("+-")

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        for y in range(14, 96, 12):
            canvas.line([(0, y), (144, y)], (190, 205, 235), 0.7)
        x = 12.0
        for mark in f"{a} x {b} {sign} {c} =":
            canvas.text((x, 50 + draw.normal() * 2.5), mark, 19 + draw.normal() * 1.5, (35, 45, 120), "lm")
            x += 6 if mark == " " else 12.5
        for _ in range(canvas.extras(6)):
            left, middle = draw.between(0, 110), draw.between(8, 84)
            loop = [(left + 4 * k, middle + 4 * draw.normal()) for k in range(7)]
            canvas.line(loop, (35, 45, 120), 1.2)

    return Subject(
        ask=("What does the sum come to?", "Evaluate the handwritten arithmetic expression."),
        answer=a * b + (c if sign == "+" else -c),
        paint=paint,
        size=(144, 96),
        paper=(250, 248, 240),
    )


def letter(chance: Chance) -> Subject:
    """A short letter with a sender, a town and a number of pages."""
    sender, reader = chance.some(SURNAMES, 2)
    town = chance.pick(TOWNS)
    lines = [" ".join(chance.some(WORDS, 4)) for _ in range(6)]

    def paint(canvas: Canvas) -> None:
        canvas.text((96, 8), town, 10)
        canvas.text((10, 22), f"Dear {reader},", 11)
        for k, line in enumerate(lines[: 3 + canvas.extras(3)]):
            canvas.text((10, 38 + 12 * k), line, 8.5)
        canvas.text((70, 122), "Yours,", 9)
        canvas.text((70, 134), sender, 12, (30, 50, 140))
        canvas.stray_marks()

    return Subject(
        ask=("Who wrote this letter?", "Name the correspondent whose signature concludes the document."),
        answer=sender,
        paint=paint,
        spelling=True,
        size=(136, 152),
        paper=(252, 250, 244),
    )


def receipt(chance: Chance) -> Subject:
    """A till receipt with prices in whole units and their total."""
    bought = [(name, chance.whole(1, 24)) for name in chance.some(GOODS, chance.whole(3, 6))]
    asked, price = chance.pick(bought)
    total = sum(cost for _, cost in bought)
    of_total = chance.happens(0.5)

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.text((56, 6), f"{draw.pick(TOWNS).upper()} STORE", 10, anchor="ma")
        for k in range(canvas.extras(4)):
            canvas.text((8, 20 + 6 * k), f"{draw.whole(1000, 9999)}-{draw.whole(100, 999)}", 6, GREY)
        for k, (name, cost) in enumerate(bought):
            canvas.text((10, 46 + 14 * k), name, 10.5)
            canvas.text((102, 46 + 14 * k), f"{cost}.00", 10.5, anchor="ra")
        bottom = 48 + 14 * len(bought)
        canvas.line([(8, bottom), (104, bottom)])
        canvas.text((10, bottom + 4), "TOTAL", 11.5)
        canvas.text((102, bottom + 4), f"{total}.00", 11.5, anchor="ra")
        canvas.stray_marks(10)

    asks = (
        ("What is the total on the receipt?", "State the aggregate amount payable according to the receipt.")
        if of_total
        else (f"What did the {asked} cost?", f"State the amount charged for the item designated '{asked}'.")
    )
    return Subject(
        ask=asks,
        answer=total if of_total else price,
        paint=paint,
        size=(112, 156),
        paper=(250, 250, 246),
    )


def table(chance: Chance) -> Subject:
    """A table of numbers with towns as rows and months as columns."""
    towns = chance.some(TOWNS, 4)
    months = ["Jan", "Apr", "Jul"]
    cells = [[chance.whole(3, 98) for _ in months] for _ in towns]
    row, column = chance.whole(0, 3), chance.whole(0, 2)

    def paint(canvas: Canvas) -> None:
        canvas.box((6, 14), (140, 18), fill=(205, 215, 235))
        for k, month in enumerate(months):
            canvas.text((71 + 30 * k, 23), month, 10.5, anchor="mm")
        for i, (town, numbers) in enumerate(zip(towns, cells, strict=True)):
            canvas.text((10, 41 + 18 * i), town, 10.5, anchor="lm")
            for k, number in enumerate(numbers):
                canvas.text((71 + 30 * k, 41 + 18 * i), str(number), 10.5, anchor="mm")
        for i in range(6):
            canvas.line([(6, 14 + 18 * i), (146, 14 + 18 * i)], GREY, 0.8)
        for x in (6, 56, 86, 116, 146):
            canvas.line([(x, 14), (x, 104)], GREY, 0.8)
        canvas.stray_marks()

    return Subject(
        ask=(
            f"What number does the table give for {towns[row]} in {months[column]}?",
            f"Determine the tabulated entry corresponding to {towns[row]} in {months[column]}.",
        ),
        answer=cells[row][column],
        paint=paint,
        size=(152, 112),
    )


def web_page(chance: Chance) -> Subject:
    """A page of an online shop: a bar with links, pictures of goods, prices below them."""
    goods = chance.some(GOODS, 4)
    prices = [chance.whole(2, 60) for _ in goods]
    shown = chance.whole(0, 3)
    brand = chance.pick(list(PAINTS))

    def paint(canvas: Canvas) -> None:
        draw = canvas.chance
        canvas.box((0, 0), (160, 16), fill=PAINTS[brand])
        for k, word in enumerate(("Home", "Shop", "Help")):
            canvas.text((8 + 40 * k, 3), word, 9, WHITE)
        for k, (name, price) in enumerate(zip(goods, prices, strict=True)):
            x, y = 8 + 76 * (k % 2), 22 + 50 * (k // 2)
            canvas.box((x, y), (66, 44), fill=(244, 244, 246), edge=(200, 200, 205))
            canvas.box((x + 4, y + 4), (20, 20), fill=PAINTS[draw.pick(list(PAINTS))])
            canvas.text((x + 28, y + 5), name, 9)
            canvas.text((x + 28, y + 18), f"{price} USD", 9.5, PAINTS["red"])
            canvas.box((x + 4, y + 31), (58, 9), fill=PAINTS["blue"])
        for _ in range(canvas.extras(4)):
            left, top = draw.between(0, 100), draw.between(18, 106)
            canvas.box((left, top), (50, 10), fill=PAINTS["yellow"], edge=GREY)
            canvas.text((left + 2, top + 1), f"SALE {draw.pick(WORDS)}", 7)

    return Subject(
        ask=(
            f"What is the price of the {goods[shown]}, in USD?",
            f"Specify the advertised purchase price, in USD, of the article designated '{goods[shown]}'.",
        ),
        answer=prices[shown],
        paint=paint,
        size=(160, 124),
    )


def _pale(colour: tuple[int, int, int]) -> tuple[int, int, int]:
    red, green, blue = ((c + 2 * 235) // 3 for c in colour)
    return red, green, blue
