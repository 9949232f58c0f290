"""An exhibit in LaTeX, for a paper: a booktabs table with caption and label, and its figure where there is one.

It wants `booktabs`, `graphicx` for drawings and for wide tables, and `longtable` for tables longer than a page.
"""

from __future__ import annotations

from collections.abc import Iterator

from mmr_core.render.exhibits.entries import SYNTHETIC, figure_text, interval_text, notes_of, sections, title_of
from mmr_core.render.numbers import one_line
from mmr_core.render.tex import escaped, figure
from mmr_core.studies.exhibits import Entry, Exhibit, Line, Sheet

LONG = 40
"""Lines beyond which a table does not fit a page."""
ONE_COLUMN = 44
"""Letters across beyond which a table goes over both columns of a page."""
WIDE = 68
"""Letters across beyond which a table is scaled down to the width of the text."""
BROAD = 150
"""Letters across beyond which intervals stand below their figures; for a table longer than a page `WIDE`."""
_TITLE = 12
"""Letters of a title that is broken into two lines where intervals stand below their figures."""
PACKAGES = ("booktabs", "graphicx", "longtable")


def exhibit_latex(exhibit: Exhibit, *, synthetic: bool, image: str | None = None, wide: bool = False) -> str:
    """The figure, if there is one, then the table.

    The best figure of a column is bold, the second best underlined, published lines are in italics.

    :param image: the name of the drawing's file.
    :param wide: whether the drawing goes over both columns of a page.
    """
    caption = _caption(exhibit, synthetic=synthetic)
    parts = [f"% \\usepackage{{{','.join(PACKAGES)}}}"]
    if image is not None:
        parts.append(_figure(exhibit.name, caption, image, wide=wide))
    parts.append(_table(exhibit, caption))
    return "\n\n".join(parts) + "\n"


def _caption(exhibit: Exhibit, *, synthetic: bool) -> str:
    sentences = [f"{title_of(exhibit, synthetic=synthetic)}.", one_line(exhibit.caption)]
    if synthetic:
        sentences.append(SYNTHETIC)
    return escaped(" ".join(sentence for sentence in sentences if sentence))


def _figure(name: str, caption: str, image: str, *, wide: bool) -> str:
    kind, width = ("figure*", r"\textwidth") if wide else ("figure", r"\columnwidth")
    return "\n".join(
        [
            f"\\begin{{{kind}}}",
            r"  \centering",
            f"  \\includegraphics[width={width},height=0.8\\textheight,keepaspectratio]{{{image}}}",
            f"  \\caption{{{caption}}}",
            f"  \\label{{fig:{name}}}",
            f"\\end{{{kind}}}",
        ]
    )


def _table(exhibit: Exhibit, caption: str) -> str:
    sheet = exhibit.sheet
    long = len(sheet.lines) > LONG
    stacked = _width(sheet) > (WIDE if long else BROAD)
    columns = f"l{'r' * (len(sheet.header) - 1)}"
    described = f"\\caption{{{caption}}}\\label{{tab:{exhibit.name}}}"
    titles = [_title(one_line(title), stacked=stacked and place > 0) for place, title in enumerate(sheet.header)]
    head = [r"    \toprule", f"    {_cells(titles)}", r"    \midrule"]
    body = [*_body(sheet, stacked=stacked), r"    \bottomrule"]
    notes = f"{{\\footnotesize {escaped(' '.join(notes_of(exhibit)))}\\par}}"
    if long:
        size, apart = ("tiny", 1) if _stacked_width(sheet) > WIDE else ("scriptsize", 2)
        return "\n".join(
            [
                f"{{\\{size}\\setlength{{\\tabcolsep}}{{{apart}pt}}\\setlength{{\\LTcapwidth}}{{\\linewidth}}",
                f"\\begin{{longtable}}{{{columns}}}",
                f"  {described}\\\\",
                *head,
                r"    \endfirsthead",
                *head,
                r"    \endhead",
                *body,
                r"\end{longtable}",
                f"{notes}}}",
            ]
        )
    kind = "table*" if _width(sheet) > ONE_COLUMN else "table"
    before, after = ([r"  \resizebox{\textwidth}{!}{%"], "}") if _width(sheet) > WIDE else ([], "")
    return "\n".join(
        [
            f"\\begin{{{kind}}}",
            r"  \centering",
            f"  {described}",
            *before,
            f"  \\begin{{tabular}}{{{columns}}}",
            *head,
            *body,
            f"  \\end{{tabular}}{after}",
            f"  \\par\\smallskip{notes}",
            f"\\end{{{kind}}}",
        ]
    )


def _body(sheet: Sheet, *, stacked: bool) -> Iterator[str]:
    for i, (heading, lines) in enumerate(sections(sheet)):
        if i:
            yield r"    \midrule"
        if heading:
            yield f"    \\multicolumn{{{len(sheet.header)}}}{{l}}{{\\textit{{{escaped(heading)}}}}} \\\\"
        for line in lines:
            yield f"    {_row(line, stacked=stacked)}"


def _row(line: Line, *, stacked: bool) -> str:
    cells = [escaped(one_line(line.label)), *(_cell(entry, stacked=stacked) for entry in line.entries)]
    return _cells([f"\\textit{{{cell}}}" if line.published and cell else cell for cell in cells])


def _cells(cells: list[str]) -> str:
    # LaTeX takes a bracket at the beginning of a row for an option of the line break before it.
    first = f"{{}}{cells[0]}" if cells[0].startswith(("[", "*")) else cells[0]
    return " & ".join([first, *cells[1:]]) + r" \\"


def _cell(entry: Entry, *, stacked: bool) -> str:
    text = figure(figure_text(entry))
    if entry.mark == "best":
        text = f"\\textbf{{{text}}}"
    elif entry.mark == "second":
        text = f"\\underline{{{text}}}"
    bounds = figure(interval_text(entry))
    if not bounds:
        return text
    if stacked:
        return f"\\shortstack[r]{{\\strut {text}\\\\{{\\tiny {bounds}}}}}"
    return f"{text} {{\\scriptsize {bounds}}}"


def _title(title: str, *, stacked: bool) -> str:
    """The title of a column, in two lines of nearly one length where it is long and columns are narrow."""
    words = title.split()
    if not stacked or len(title) <= _TITLE or len(words) < 2:
        return escaped(title)
    breaks = [(" ".join(words[:i]), " ".join(words[i:])) for i in range(1, len(words))]
    upper, lower = min(breaks, key=lambda lines: max(map(len, lines)))
    return f"\\shortstack[r]{{{escaped(upper)}\\\\{escaped(lower)}}}"


def _stacked_width(sheet: Sheet) -> int:
    """Letters across where intervals stand below their figures and titles in two lines."""
    widths = [max(len(one_line(text)) for text in (sheet.header[0], *(line.label for line in sheet.lines)))]
    for j, title in enumerate(sheet.header[1:]):
        entries = [line.entries[j] for line in sheet.lines]
        figures = [max(len(figure_text(entry)), 0.7 * len(interval_text(entry))) for entry in entries]
        widths.append(round(max([*figures, len(title) if len(title) <= _TITLE else 0.6 * len(title)])))
    return sum(width + 1 for width in widths)


def _width(sheet: Sheet) -> int:
    """Letters across, as the longest of each column; those of intervals are small."""
    widths = [max((len(one_line(line.label)) for line in sheet.lines), default=0)]
    for j in range(len(sheet.header) - 1):
        texts = [len(figure_text(e)) + 0.7 * len(interval_text(e)) for e in (line.entries[j] for line in sheet.lines)]
        widths.append(round(max(texts, default=0)))
    return sum(max(width, len(title)) + 2 for width, title in zip(widths, sheet.header, strict=True))
