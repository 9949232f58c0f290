"""Makes the instances of the sample: draws subjects, loads and looks, words the questions, paints the pictures.

`RECIPES` says which topics each dataset is made of, and which of them are answered by choosing an option.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mmr_core.errors import DataError
from mmr_plugins.importers.synthetic import charts, diagrams, documents, puzzles, scenes, text_only
from mmr_plugins.importers.synthetic.canvas import CLEAR, Canvas, Look, Topic
from mmr_plugins.importers.synthetic.chance import Chance
from mmr_plugins.importers.synthetic.outcome_model import Parts, parts_of
from mmr_plugins.importers.synthetic.wording import compose, draw_load

if TYPE_CHECKING:
    from pathlib import Path

    from mmr_plugins.importers.synthetic.canvas import Subject


INSTANCES = 1000
"""How many instances each dataset of the sample has."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How one dataset of the sample is made.

    :param dataset: canonical name.
    :param scenario: which shares of difficulty hold.
    :param topics: category and what makes up its subjects; categories are equally frequent.
    :param options: whether its questions list options.
    """

    dataset: str
    scenario: str
    topics: tuple[tuple[str, Topic], ...]
    options: bool = False


RECIPES: tuple[Recipe, ...] = (
    Recipe(
        dataset="ocrbench",
        scenario="ocr",
        topics=(
            ("text recognition", documents.printed_word),
            ("scene text", documents.shop_sign),
            ("handwritten formula", documents.formula),
            ("document", documents.letter),
            ("key information", documents.receipt),
        ),
    ),
    Recipe(
        dataset="seedbench2plus",
        scenario="ocr",
        topics=(
            ("bar chart", charts.bars),
            ("line chart", charts.lines),
            ("pie chart", charts.pie),
            ("map", charts.road_map),
            ("web", documents.web_page),
        ),
        options=True,
    ),
    Recipe(
        dataset="mmstar",
        scenario="general-vqa",
        topics=(
            ("coarse perception", scenes.landscape),
            ("fine-grained perception", scenes.still_life),
            ("instance reasoning", puzzles.dice),
            ("science and technology", diagrams.gauge),
            ("math", charts.graph_of_function),
        ),
        options=True,
    ),
    Recipe(
        dataset="realworldqa",
        scenario="general-vqa",
        topics=(
            ("vehicles", scenes.cars_on_a_street),
            ("signals", scenes.traffic_light),
            ("signs", scenes.road_sign),
            ("indoor", scenes.room),
        ),
        options=True,
    ),
    Recipe(
        dataset="mathvista",
        scenario="math",
        topics=(
            ("statistical chart", charts.bars),
            ("table", documents.table),
            ("geometry", diagrams.triangle),
            ("function plot", charts.graph_of_function),
            ("puzzle", puzzles.tiles),
        ),
    ),
    Recipe(
        dataset="mathverse",
        scenario="math",
        topics=(
            ("plane geometry: triangles", diagrams.triangle),
            ("plane geometry: circles", diagrams.circle),
            ("plane geometry: lines", diagrams.parallels),
            ("solid geometry", diagrams.solid),
            ("functions", charts.graph_of_function),
        ),
    ),
    Recipe(
        dataset="mathvision",
        scenario="math",
        topics=(
            ("counting", puzzles.tiles),
            ("solid geometry", puzzles.blocks),
            ("arithmetic", puzzles.clock),
            ("graph theory", puzzles.network),
            ("metric geometry", diagrams.circle),
        ),
    ),
    Recipe(
        dataset="gsm8k",
        scenario="text",
        topics=(
            ("shopping", text_only.shopping),
            ("sharing", text_only.sharing),
            ("travelling", text_only.travelling),
            ("saving", text_only.saving),
        ),
    ),
    Recipe(
        dataset="mmlu",
        scenario="text",
        topics=(
            ("chemistry", text_only.chemistry),
            ("physics", text_only.mechanics),
            ("anatomy", text_only.anatomy),
            ("economics", text_only.economics),
        ),
        options=True,
    ),
    Recipe(
        dataset="arc",
        scenario="text",
        topics=(
            ("life science", text_only.biology),
            ("earth and matter", text_only.matter),
            ("physical science", text_only.mechanics),
            ("health", text_only.anatomy),
        ),
        options=True,
    ),
)


COMMON_SHARE = 0.5
"""How much of each visible property all four have in common."""


@dataclass(frozen=True, kw_only=True)
class Instance:
    """One instance of the sample, without any outcomes.

    :param number: the part of the id behind the prefix, counted from 1.
    :param text_hardness: what its wording adds to its difficulty, in [0, 1].
    :param image_hardness: what its picture adds, in [0, 1]; 0 without one.
    """

    dataset: str
    number: int
    category: str
    question: str
    answer: str
    subject: Subject
    look: Look
    text_hardness: float
    image_hardness: float

    @property
    def suffix(self) -> str:
        """How the file of its picture ends; "" without one."""
        if self.subject.paint is None:
            return ""
        return ".jpg" if self.subject.photograph else ".png"

    def save_picture(self, path: Path) -> None:
        """Paints the picture into a file."""
        paint = self.subject.paint
        if paint is None:
            return
        chance = Chance(self.dataset, self.number, "painting")
        canvas = Canvas(self.subject.size, self.look, chance, self.subject.paper)
        paint(canvas)
        picture = canvas.finish()
        if self.subject.photograph:
            picture.save(path, quality=88)
        else:
            picture.save(path, compress_level=1)


def make_instances(recipe: Recipe, count: int = INSTANCES) -> list[Instance]:
    """The instances of one dataset, the same on every machine; a smaller count gives the first of them."""
    return [_make(recipe, number) for number in range(1, count + 1)]


def latent_parts(dataset: str, count: int = INSTANCES) -> Parts:
    """What makes the first `count` instances of a dataset of the sample difficult, in their order.

    For tests and studies of the sample itself: no outcome table carries it, and no router may see it.

    :raises DataError: if the sample has no such dataset.
    """
    recipe = next((recipe for recipe in RECIPES if recipe.dataset == dataset), None)
    if recipe is None:
        raise DataError(
            f"the embedded sample has no dataset {dataset!r}",
            fix=f"use one of {', '.join(recipe.dataset for recipe in RECIPES)}",
        )
    return parts_of_instances(make_instances(recipe, count))


def parts_of_instances(instances: list[Instance]) -> Parts:
    """The parts of difficulty of all instances of one dataset."""
    return parts_of(
        instances[0].dataset,
        [instance.text_hardness for instance in instances],
        [instance.image_hardness for instance in instances],
    )


def _make(recipe: Recipe, number: int) -> Instance:
    chance = Chance(recipe.dataset, number, "making")
    category, topic = chance.pick(recipe.topics)
    subject = topic(chance)
    load = draw_load(chance)
    look = CLEAR if subject.paint is None else _draw_look(chance)
    question, answer = compose(subject, load, chance, options=recipe.options)
    return Instance(
        dataset=recipe.dataset,
        number=number,
        category=category,
        question=question,
        answer=answer,
        subject=subject,
        look=look,
        text_hardness=load.hardness,
        image_hardness=look.hardness,
    )


def _draw_look(chance: Chance) -> Look:
    """Four properties between 0 and 1 that rise partly together and partly each on its own."""
    common = chance.share()

    def one() -> float:
        return COMMON_SHARE * common + (1.0 - COMMON_SHARE) * chance.share()

    return Look(clutter=one(), fade=one(), blur=one(), small=one())
