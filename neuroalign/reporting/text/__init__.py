"""Tables of scores for the terminal, Markdown, LaTeX and CSV."""
