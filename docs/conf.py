"""Configuration of the Sphinx documentation."""

project = "neuroalign"
author = "The neuroalign developers"
copyright = "2026, the neuroalign developers"
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx.ext.viewcode"]
html_theme = "furo"
html_title = "neuroalign"
# Tables are included in pages.
exclude_patterns = [
    "_build",
    "benchmark_table.md",
    "benchmark_numbers.md",
    "photograph_calibration.md",
    "face_networks/*.md",
]
html_static_path = ["_static"]
html_css_files = ["flow.css"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
napoleon_google_docstring = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
