"""Which topics each dataset of the sample is made of, and which of them are answered by choosing an option."""

from __future__ import annotations

from dataclasses import dataclass

from mmr_plugins.importers.synthetic import charts, diagrams, documents, puzzles, scenes, text_only
from mmr_plugins.importers.synthetic.subject import Topic

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
