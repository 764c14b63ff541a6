"""`python -m tests.docs`: writes the pages of the reference and the Grafana dashboard anew."""

from __future__ import annotations

from tests.docs.grafana import dashboard
from tests.docs.pages import FOLDER, GRAFANA, PAGES


def main() -> None:
    """Write them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).write_text(page(), encoding="utf-8")
    GRAFANA.write_text(dashboard(), encoding="utf-8")


if __name__ == "__main__":
    main()
