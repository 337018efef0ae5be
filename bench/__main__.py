"""`python -m bench [--quick] [case ...]`: all cases write RESULTS.md; some cases, or quick ones, are printed."""

import argparse
import importlib
import sys
from pathlib import Path

from bench.isolate import rows_of
from bench.measure import Row
from bench.report import report

CASES = {
    "decays": "Lifetimes",
    "coincidences": "Coincidences",
    "antibunching": "Antibunching",
    "changepoints": "Change points",
    "registration": "Registration",
    "distributions": "Lifetime distributions",
    "survival": "Survival",
    "formats": "Files",
}
RESULTS = Path(__file__).with_name("RESULTS.md")


def main() -> None:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small samples, under three minutes; printed only")
    parser.add_argument("case", nargs="*", help=f"of {', '.join(CASES)}; all by default")
    asked = parser.parse_args()
    unknown = set(asked.case) - set(CASES)
    if unknown:
        parser.error(f"no case {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    rows = {name: _run(name, asked.quick) for name in asked.case or CASES}
    page = report(rows, CASES)
    if asked.quick or asked.case:
        print(page)
    else:
        RESULTS.write_text(page, encoding="utf-8")
        print(f"written: {RESULTS}")


def _run(name: str, quick: bool) -> list[Row]:
    case = importlib.import_module(f"bench.{name}")
    rows = []
    for row in rows_of(case.comparisons, quick=quick):
        outcome = f"x {row.measured.ratio:.3g}" if row.measured else row.why_not
        print(f"{row.id:40} {outcome}", file=sys.stderr, flush=True)
        rows.append(row)
    return rows


if __name__ == "__main__":
    main()
