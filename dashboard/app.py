"""The script that Streamlit runs for every look at a page: which pages there are."""

from __future__ import annotations

import streamlit as st

from dashboard.site import OVERVIEW, PAGES


def main() -> None:
    """Set the frame, and run the page that the address names."""
    st.set_page_config(page_title="inferwatch", layout="wide")
    pages = [
        st.Page(page.script, title=page.title, url_path=page.path, default=page is OVERVIEW) for page in PAGES
    ]
    st.navigation(pages, position="top").run()


if __name__ == "__main__":
    main()
