"""What each page shows, read in one moment. Nothing here knows Streamlit."""
