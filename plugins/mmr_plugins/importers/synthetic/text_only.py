"""Subjects without a picture, in the manner of school sums, examination questions and science quizzes."""

from __future__ import annotations

from mmr_plugins.importers.synthetic.canvas import Subject, Topic
from mmr_plugins.importers.synthetic.chance import GOODS, SURNAMES, TOWNS, Chance

_ELEMENTS = {
    "hydrogen": 1, "helium": 2, "carbon": 6, "nitrogen": 7, "oxygen": 8, "neon": 10, "sodium": 11,
    "aluminium": 13, "sulfur": 16, "chlorine": 17, "calcium": 20, "iron": 26, "copper": 29, "silver": 47,
}  # fmt: skip
_KINDS_OF_ANIMALS = {
    "salmon": "fish", "trout": "fish", "shark": "fish", "frog": "amphibian", "newt": "amphibian",
    "toad": "amphibian", "lizard": "reptile", "cobra": "reptile", "tortoise": "reptile", "sparrow": "bird",
    "penguin": "bird", "owl": "bird", "bat": "mammal", "whale": "mammal", "otter": "mammal",
}  # fmt: skip
_STATES = {
    "melting": "solid to liquid", "freezing": "liquid to solid", "evaporation": "liquid to gas",
    "condensation": "gas to liquid", "sublimation": "solid to gas", "deposition": "gas to solid",
}  # fmt: skip
_ORGANS = {
    "heart": "it pumps blood", "lungs": "they take up oxygen", "kidneys": "they filter the blood",
    "stomach": "it breaks down food", "skin": "it keeps germs out", "liver": "it makes bile",
}  # fmt: skip
_TERMS = {
    "inflation": "a general rise of prices", "monopoly": "a market with a single seller",
    "tariff": "a tax on imports", "subsidy": "a payment that lowers costs",
    "deficit": "spending beyond revenue", "dividend": "a share of profit paid to owners",
}  # fmt: skip


def shopping(chance: Chance) -> Subject:
    """Somebody buys several things of one price."""
    name, goods = chance.pick(SURNAMES), chance.pick(GOODS)
    count, price = chance.whole(2, 12), chance.whole(2, 15)
    return Subject(
        opening=f"{name} buys {count} packs of {goods} at {price} dollars each.",
        ask=("How many dollars is that in all?", "Determine the aggregate expenditure in dollars."),
        answer=count * price,
    )


def sharing(chance: Chance) -> Subject:
    """A number of things is shared equally."""
    name, goods = chance.pick(SURNAMES), chance.pick(GOODS)
    people, each = chance.whole(2, 9), chance.whole(2, 14)
    return Subject(
        opening=f"{name} has {people * each} packs of {goods} and gives as many to each of {people} neighbours.",
        ask=("How many does each of them get?", "Determine the quantity apportioned to every recipient."),
        answer=each,
    )


def travelling(chance: Chance) -> Subject:
    """A train runs at a steady speed."""
    start, end = chance.some(TOWNS, 2)
    hours, speed = chance.whole(2, 8), 10 * chance.whole(4, 14)
    return Subject(
        opening=f"A train goes from {start} to {end} in {hours} hours at {speed} km an hour.",
        ask=("How many km is the trip?", "Compute the distance traversed, in kilometres."),
        answer=hours * speed,
    )


def saving(chance: Chance) -> Subject:
    """Somebody saves a little every week."""
    name = chance.pick(SURNAMES)
    start, weekly, weeks = chance.whole(5, 60), chance.whole(2, 12), chance.whole(3, 12)
    return Subject(
        opening=f"{name} has {start} dollars and saves {weekly} dollars a week.",
        ask=(f"How much is it after {weeks} weeks?", f"Compute the accumulated balance following {weeks} weeks."),
        answer=start + weekly * weeks,
    )


def chemistry(chance: Chance) -> Subject:
    """How many protons an element has."""
    element = chance.pick(list(_ELEMENTS))
    return Subject(
        opening=f"An atom of {element} is at rest.",
        ask=("How many protons has it?", f"Specify the atomic number characteristic of {element}."),
        answer=_ELEMENTS[element],
    )


def mechanics(chance: Chance) -> Subject:
    """Force is mass times acceleration."""
    mass, rate = chance.whole(2, 15), chance.whole(2, 9)
    return Subject(
        opening=f"A cart of {mass} kg gains {rate} m/s of speed every second.",
        ask=("What is the force on it, in newtons?", "Compute the magnitude of the resultant force, in newtons."),
        answer=mass * rate,
    )


def _looked_up(facts: dict[str, str], opening: str, ask: tuple[str, str], subject_of_path: str) -> Topic:
    """A topic that asks for one fact of a table and takes the others as wrong answers."""

    def topic(chance: Chance) -> Subject:
        key = chance.pick(list(facts))
        return Subject(
            opening=opening,
            ask=(ask[0].format(key), ask[1].format(key)),
            answer=facts[key],
            wrong=tuple(dict.fromkeys(facts.values())),
            path=(
                f"recall what is generally known about {subject_of_path}",
                f"set the word '{key}' beside the others of its sort",
                "rule out what holds for one of the others",
                "compare what is left with each of the options",
            ),
        )

    return topic


biology = _looked_up(
    _KINDS_OF_ANIMALS,
    "A zoo sorts its animals.",
    ("What kind of animal is a {}?", "To which taxonomic class is a {} conventionally assigned?"),
    "the classes of vertebrates",
)
matter = _looked_up(
    _STATES,
    "A sample is heated or cooled.",
    ("What change is called {}?", "Which transition between states of aggregation is designated {}?"),
    "solids, liquids and gases",
)
anatomy = _looked_up(
    _ORGANS,
    "The body has many parts.",
    ("What is the work of the {}?", "Which physiological function is principally attributed to the {}?"),
    "the organs of the body",
)
economics = _looked_up(
    _TERMS,
    "A paper writes about the economy.",
    ("What is meant by {}?", "Which definition corresponds to the technical term '{}'?"),
    "markets and public finance",
)
