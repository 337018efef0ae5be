"""Write the generated pages of docs/: `python -m lab.handbook`, with `--figures` also the figures (a minute)."""

import argparse
from pathlib import Path

from lab.handbook import cheat_sheet, errors, reference

HOUSE = Path(__file__).resolve().parents[2]


def pages(house: Path = HOUSE) -> dict[str, str]:
    """Every generated page by its path in the repository."""
    written = {"docs/reference/errors.md": errors.page(house), "docs/cheat-sheet.html": cheat_sheet.page(house)}
    return {**written, **reference.pages(house)}


def main(house: Path = HOUSE) -> None:
    """Write the pages, and the figures if they are asked for."""
    parser = argparse.ArgumentParser(prog="python -m lab.handbook", description=__doc__)
    parser.add_argument("--figures", action="store_true", help="draw the figures of docs/explanation again, too")
    asked = parser.parse_args()
    if not (house / "docs").is_dir():
        parser.error(
            f"{house} has no folder docs: the pages are written in a checkout of the repository, not beside a wheel"
        )
    (house / reference.FOLDER).mkdir(parents=True, exist_ok=True)
    for name, text in pages(house).items():
        (house / name).write_text(text, encoding="utf-8", newline="\n")
    if asked.figures:
        from lab.handbook import figures

        figures.draw_all(house / "docs/explanation")


if __name__ == "__main__":
    main()
