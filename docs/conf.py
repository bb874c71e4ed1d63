"""The site's settings: `make docs`, which is `python -m sphinx -W -E -c docs . build/docs`.

Its source is the repository's root, so that a link between two documents is the same here as on GitHub. What Sphinx
and its theme do not do lies in website/, an extension a file.
"""

import sys
from pathlib import Path

import wmzoo

DOCS = Path(__file__).parent
sys.path[:0] = [str(DOCS), str(DOCS / "website")]

project, version = "wmzoo", wmzoo.__version__
extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.viewcode"]
extensions += ["cells", "docstrings", "front_page", "generated", "repository"]
root_doc = "README"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "docs/**.md",
    "benchmarks/results/README.md",
    "benchmarks/results/*/README.md",
]
exclude_patterns = ["build", "dist", "runs", "tests", "wmzoo", ".*"]  # not even looked through
source_suffix = {".md": "markdown"}

# Documents are GitHub's Markdown; of docstrings the text in code letters is the same. What is indented is no Python.
myst_heading_anchors = 4
highlight_language = "text"
default_role = "obj"
smartquotes_action = "D"  # dashes alone

nitpicky = True
nitpick_ignore_regex = [
    (
        "py:class",
        r"(abc|collections|gymnasium|numpy|np|omegaconf|pathlib|torch|types|unittest)\..*|Tensor",
    ),  # not of this project
    ("py:class", r"wmzoo\..*\.(T|Made|Module|Array)"),  # type variables
    ("py:class", r"wmzoo\.(compute|config|storage|envs\.perturbed|envs\.array_tasks|envs\.single)\..*"),  # not public
]
autodoc_default_options = {"members": True, "show-inheritance": True}
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
autodoc_inherit_docstrings = False  # a method's contract stands once, in the base class
python_use_unqualified_type_names = True
maximum_signature_line_length = 88
add_module_names = False

html_theme = "pydata_sphinx_theme"
html_title = "wmzoo"
html_static_path = ["website/static"]
html_css_files = ["site.css"]
templates_path = ["website/templates"]
html_context = {"default_mode": "auto"}  # light or dark as the system is
html_sidebars = {"**": ["navigation.html"]}
html_theme_options = {
    "navbar_center": [],
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["sphinx-version"],
    "footer_end": [],
}
html_use_index = html_domain_indices = html_copy_source = html_show_sourcelink = html_show_copyright = False
