"""What a person sees: Streamlit pages that read SQL and nothing else."""
