"""The script that Streamlit runs for every look at a page: which pages there are."""

from __future__ import annotations

from pathlib import Path

import streamlit as st

from dashboard import address
from dashboard.site import OVERVIEW, PAGES, Site
from dashboard.visitor import show_visitor

_ICON = str(Path(__file__).with_name("icon.svg"))


def main() -> None:
    """Set the frame, and run the page that the address names."""
    st.set_page_config(page_title="inferwatch", page_icon=_ICON, layout="wide")
    pages = {heading: [_page(site) for site in sites] for heading, sites in PAGES.items() if sites}
    chosen = st.navigation(pages, position="sidebar")
    carrying = {site.path for sites in PAGES.values() for site in sites if site.carries}
    if chosen.url_path in carrying:
        address.carry()
    show_visitor()
    chosen.run()


def _page(site: Site) -> st.Page:
    # Without a sign of its own, which a browser would fetch from a server of fonts.
    return st.Page(site.script, title=site.title, url_path=site.path, default=site is OVERVIEW)


if __name__ == "__main__":
    main()
