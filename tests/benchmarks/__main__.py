"""`make bench`: every table, in one run on one machine, to the screen and to `.artifacts/bench.md`.

Name some of them to run only those: `python -m tests.benchmarks serving monitors`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.benchmarks.engine_rates import engine_tables
from tests.benchmarks.footprint import footprint_tables
from tests.benchmarks.journal_rates import journal_tables
from tests.benchmarks.monitor_rates import monitor_tables
from tests.benchmarks.page_times import page_tables
from tests.benchmarks.scoring_rates import scoring_tables
from tests.benchmarks.serving import serving_tables
from tests.benchmarks.tables import Table, machine
from tests.benchmarks.toxicity_rates import toxicity_tables

TABLES: dict[str, Callable[[], Iterator[Table]]] = {
    "serving": serving_tables,
    "footprint": footprint_tables,
    "engine": engine_tables,
    "toxicity": toxicity_tables,
    "scoring": scoring_tables,
    "journal": journal_tables,
    "monitors": monitor_tables,
    "pages": page_tables,
}


def main() -> None:
    """Run what was named, or all."""
    names = sys.argv[1:] or list(TABLES)
    report = [f"Measured on {machine()}.", ""]
    sys.stdout.write(report[0] + "\n\n")
    for name in names:
        for table in TABLES[name]():
            report.append(table.markdown())
            sys.stdout.write(report[-1] + "\n")
            sys.stdout.flush()
    artifacts = Path(".artifacts")
    artifacts.mkdir(exist_ok=True)
    (artifacts / "bench.md").write_text("\n".join(report))


if __name__ == "__main__":
    main()
