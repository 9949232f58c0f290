"""Puts a subject into words, as hard to follow as its `Load` demands.

The load is all that text difficulty is made of, and all of it stands in the text: every further step is a clause,
formal wording uses other and longer words, every exception is a sentence.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from mmr_plugins.importers.synthetic.canvas import Subject
from mmr_plugins.importers.synthetic.chance import Chance

MOST_STEPS, MOST_EXCEPTIONS = 4, 2
LETTERS = "ABCD"


@dataclass(frozen=True, kw_only=True)
class Load:
    """How hard a text is to follow.

    :param steps: how many things are to be done after the first, 0 to 4.
    :param formal: whether it is said in formal words.
    :param exceptions: how many exceptions are stated, 0 to 2.
    """

    steps: int
    formal: bool
    exceptions: int

    @property
    def hardness(self) -> float:
        """The textual difficulty, in [0, 1]: half of it steps, a quarter each of the rest."""
        return 0.5 * self.steps / MOST_STEPS + 0.25 * float(self.formal) + 0.25 * self.exceptions / MOST_EXCEPTIONS


def draw_load(chance: Chance) -> Load:
    """A load from the sample's distribution: as many easy texts as hard ones, all three parts independent."""
    return Load(
        steps=chance.pick((0, 0, 0, 1, 1, 2, 2, 3, 3, 4)),
        formal=chance.happens(0.45),
        exceptions=chance.pick((0, 0, 0, 1, 1, 2)),
    )


NumberStep = tuple[str, str, Callable[[int], int]]
SpellingStep = tuple[str, str, Callable[[str], str]]

_SPELLING: tuple[SpellingStep, ...] = (
    ("write it backwards", "reverse the order of its characters", lambda word: word[::-1]),
    ("drop its first letter", "remove the initial character", lambda word: word[1:] or word),
    ("drop its last letter", "remove the final character", lambda word: word[:-1] or word),
    ("put it in capitals", "convert everything to uppercase", str.upper),
    ("add the letter Q at the end", "append the character Q", lambda word: word + "Q"),
    ("swap its first and last letters", "interchange the outermost characters", lambda word: _swapped(word)),
)

_SEEING_EXCEPTIONS = (
    ("Do not count stray marks.", "Extraneous markings are to be disregarded, unless they form characters."),
    ("Ignore anything that is cut off.", "Elements which are not entirely visible must be excluded."),
    ("Only what is drawn counts, not what it may stand for.", "Never infer quantities without depicted evidence."),
    ("Do not guess from the colours.", "Colouration is not to be considered, except where explicitly requested."),
    ("Skip the frame.", "The surrounding border is excluded from consideration."),
)
_THINKING_EXCEPTIONS = (
    ("Do not round before the end.", "Intermediate quantities must not be rounded, except for the final result."),
    ("Ignore anything that is only hinted at.", "Unstated implications are to be disregarded throughout."),
    ("Take nothing for granted unless it says so.", "Never presuppose circumstances without explicit statement."),
    ("Do not count anything twice.", "Duplicated contributions are excluded from consideration."),
    ("Only what is said here counts.", "Additional information is not to be considered, unless indispensable."),
)


def compose(subject: Subject, load: Load, chance: Chance, *, options: bool) -> tuple[str, str]:
    """The question as it is asked, and its answer: a letter where there are options."""
    formal = int(load.formal)
    answer, clauses = _take_steps(subject, load, chance)
    bank = _THINKING_EXCEPTIONS if subject.paint is None else _SEEING_EXCEPTIONS
    exceptions = [pair[formal] for pair in chance.some(bank, load.exceptions)]
    led = subject.path and not subject.spelling and not isinstance(subject.answer, int)
    parts = [subject.opening, *(clauses if led else ()), subject.ask[formal], *(() if led else clauses), *exceptions]
    question = " ".join(part for part in parts if part)
    if not options:
        return question, str(answer)
    choices, letter = _choices(subject, answer, chance)
    listed = "".join(f"\n{mark}. {choice}" for mark, choice in zip(LETTERS, choices, strict=False))
    return f"{question}{listed}\nPlease select the correct answer from the options above.", letter


def _take_steps(subject: Subject, load: Load, chance: Chance) -> tuple[int | str, list[str]]:
    """The answer after all steps, and a clause for each."""
    answer, said = subject.answer, []
    if isinstance(answer, int):
        for _ in range(load.steps):
            plain, formal, act = _number_step(answer, chance)
            answer = act(answer)
            said.append(formal if load.formal else plain)
    elif subject.spelling:
        for plain, formal, change in chance.some(_SPELLING, load.steps):
            answer = change(answer)
            said.append(formal if load.formal else plain)
    else:
        return answer, [_led(clause, k, load.formal) for k, clause in enumerate(subject.path[: load.steps])]
    return answer, [_linked(clause, k, load.formal) for k, clause in enumerate(said)]


def _number_step(value: int, chance: Chance) -> NumberStep:
    k, factor = chance.whole(2, 19), chance.whole(2, 5)
    steps: list[NumberStep] = [(f"add {k} to it", f"increase the result by {k}", lambda x: x + k)]
    if value >= k:
        steps.append((f"take away {k}", f"subtract {k} from the obtained quantity", lambda x: x - k))
    if abs(value) < 400:
        steps.append(("double it", "multiply the quantity by two", lambda x: 2 * x))
        steps.append((f"multiply it by {factor}", f"scale the quantity by a factor of {factor}", lambda x: factor * x))
    if value % 2 == 0 and value:
        steps.append(("halve it", "divide the intermediate result by two", lambda x: x // 2))
    return chance.pick(steps)


def _linked(clause: str, position: int, formal: bool) -> str:
    plain_links = ("Then", "Next,", "After that,", "Finally,")
    formal_links = ("Subsequently,", "Thereafter,", "Once this is established,", "Finally,")
    return f"{(formal_links if formal else plain_links)[position]} {clause}."


def _led(clause: str, position: int, formal: bool) -> str:
    plain_links = ("First", "Then", "After that", "Next")
    formal_links = ("Initially", "Subsequently", "Thereafter", "Once this is established")
    return f"{(formal_links if formal else plain_links)[position]}, {clause}."


def _choices(subject: Subject, answer: int | str, chance: Chance) -> tuple[list[str], str]:
    if isinstance(answer, int):
        near = [answer + step for step in (-10, -6, -3, -2, -1, 1, 2, 3, 5, 10) if answer < 0 or answer + step >= 0]
        wrong = [str(number) for number in chance.some(near, 3)]
    else:
        wrong = chance.some([other for other in subject.wrong if other != answer], 3)
    choices = chance.shuffled([str(answer), *wrong])
    return choices, LETTERS[choices.index(str(answer))]


def _swapped(word: str) -> str:
    return word[-1] + word[1:-1] + word[0] if len(word) > 1 else word
