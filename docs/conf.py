"""Configuration of the Sphinx documentation."""

import logging
import os
from pathlib import Path

# The tutorials are executed. Their scores are kept between builds, apart from the scores of the user who builds.
os.environ.setdefault("NEUROALIGN_HOME", str(Path(__file__).parent / "_build" / "home"))
# A package of the theme sets all loggers to INFO, and the fonts of PDF figures log each step.
logging.getLogger("fontTools").setLevel(logging.WARNING)

project = "neuroalign"
author = "The neuroalign developers"
copyright = "2026, the neuroalign developers"
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinx_design",
    "sphinx_gallery.gen_gallery",
]
html_theme = "furo"
html_title = "neuroalign"
# Tables are included in pages; the tutorials become pages in auto_tutorials.
exclude_patterns = [
    "_build",
    "benchmark_table.md",
    "benchmark_numbers.md",
    "photograph_calibration.md",
    "face_networks/*.md",
    "tutorials",
]
html_static_path = ["_static"]
html_css_files = ["flow.css", "pages.css"]
myst_enable_extensions = ["dollarmath", "colon_fence"]
myst_heading_anchors = 3
napoleon_google_docstring = False
autodoc_typehints = "none"
autodoc_member_order = "bysource"
# Roles must name existing functions, modules and pages; the types of parameters are words.
nitpicky = True
nitpick_ignore_regex = [("py:(class|obj|exc)", ".*")]
copybutton_prompt_text = r">>> |\.\.\. |\$ "
copybutton_prompt_is_regexp = True
sphinx_gallery_conf = {
    "examples_dirs": "tutorials",
    "gallery_dirs": "auto_tutorials",
    "filename_pattern": r"/\d\d_",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("matplotlib",),
    # A cell shows a table as its last value, and anything else by print.
    "capture_repr": ("_repr_html_",),
    "abort_on_example_error": True,
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 600,
}
