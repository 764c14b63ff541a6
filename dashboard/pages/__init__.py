"""One file a page. Streamlit runs it as a script, for every look."""
