"""House style of figures: colours and markers of families, sizes, and reproducible files."""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation, blended_transform_factory

from neuroalign.errors import UsageError
from neuroalign.files.home import atomic_path
from neuroalign.names.registry import models
from neuroalign.results.score import SHIPPED

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

#: Widths of one and of two columns of a paper, in millimetres.
COLUMN, TWO_COLUMNS = 88.0, 180.0

#: Colours of text and axes, of secondary marks, and of bands.
INK, FAINT, BAND = "#222222", "#767676", "#e4e4e4"

# The colours of Okabe & Ito (2008), the pale ones darker, and four more. Each has a contrast of 3:1 or more with white
# and with :data:`DARK`; see :func:`contrast`.
COLOURS = (
    *("#0072b2", "#d55e00", "#009171", "#c0609a", "#2f8fc7"),
    *("#a87a00", "#8a63d2", "#767676", "#b0582a", "#dc3a55"),
)
#: Dark background of the site.
DARK = "#14171a"
# The numbers of markers and lines differ from the number of colours, so that markers alone tell families apart.
_MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "p", "h", "d", "*")
_LINES = ("-", (0, (5, 1.5)), (0, (1, 1)), (0, (5, 1.5, 1, 1.5)))
# Combinations of a colour and a marker.
_N_LOOKS = len(COLOURS) * len(_MARKERS)

#: Width of a letter of the smallest text in millimetres, with room for wide letters.
LETTER = 1.4

#: Formats of :func:`save`.
FORMATS = ("svg", "pdf", "png")

_MILLIMETRES = 25.4
_LONGEST_NAME = 36
_SETTINGS: Any = MappingProxyType(
    {
        # DejaVu comes with matplotlib: the same letters, so the same layout, everywhere.
        "font.family": ["DejaVu Sans"],
        "font.size": 7.0,
        "axes.labelsize": 7.0,
        "axes.titlesize": 6.0,
        "axes.titlelocation": "left",
        "axes.titlecolor": FAINT,
        "axes.titlepad": 5.0,
        "axes.edgecolor": INK,
        "axes.labelcolor": INK,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "text.color": INK,
        # Names of models may contain dollar signs.
        "text.parse_math": False,
        "xtick.color": INK,
        "ytick.color": INK,
        "xtick.labelsize": 6.5,
        "ytick.labelsize": 6.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "legend.fontsize": 6.5,
        "legend.frameon": False,
        "legend.handlelength": 1.8,
        "lines.linewidth": 1.2,
        "lines.markersize": 3.6,
        "figure.dpi": 150,
        "savefig.dpi": 300,
        # Text stays text, which can be searched and edited.
        "svg.fonttype": "none",
        "pdf.fonttype": 42,
        "svg.hashsalt": "neuroalign",
        "image.composite_image": False,
    }
)
# Dates and versions are left out, so that the same figure gives the same bytes.
_METADATA: Mapping[str, Mapping[str, Any]] = MappingProxyType(
    {
        "svg": {"Date": None, "Creator": None},
        "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
        "png": {"Software": None},
    }
)


@dataclass(frozen=True)
class FamilyStyle:
    """Colour, marker and line of one family of models."""

    colour: str
    marker: str
    line: Any


def family_styles(families: Iterable[str]) -> dict[str, FamilyStyle]:
    """Give each family a colour and a marker by its name, and a line by its place among the families.

    Parameters
    ----------
    families : iterable of str
        Families of a set of figures.

    Returns
    -------
    dict of str to FamilyStyle
        Style of each family by name. Families that come with neuroalign have one colour and one marker everywhere.
        Another family has the look of its name, or the next look if a family of the figure has its colour or marker.
        Colours repeat where there are more families than colours; markers then differ.

    Examples
    --------
    >>> from neuroalign.reporting.figures import family_styles
    >>> styles = family_styles(["pca", "beta_vae"])
    >>> styles["pca"].colour != styles["beta_vae"].colour
    True
    """
    names = sorted(set(families))
    taken: list[int] = []
    places = {}
    for name in sorted(names, key=lambda name: not models.is_own(name)):
        places[name] = _place(name) if models.is_own(name) else _free(_place(name), taken)
        taken.append(places[name])
    return {
        name: FamilyStyle(
            COLOURS[places[name] % len(COLOURS)],
            _MARKERS[places[name] % len(_MARKERS)],
            _LINES[index % len(_LINES)],
        )
        for index, name in enumerate(names)
    }


def _free(place: int, taken: Sequence[int]) -> int:
    """Return the first look from a place on with a marker, and if possible a colour, that no other family has."""
    every = [(place + step) % _N_LOOKS for step in range(_N_LOOKS)]
    markers, colours = ({look % len(kind) for look in taken} for kind in (_MARKERS, COLOURS))
    without_marker = [look for look in every if look % len(_MARKERS) not in markers]
    without_both = [look for look in without_marker if look % len(COLOURS) not in colours]
    unused = [look for look in every if look not in taken]
    return next(iter([*without_both, *without_marker, *unused, place]))


def _place(name: str) -> int:
    """Return the place of a family among all looks: fixed for its name."""
    # Names that end in a colon are schemes.
    own = [registered for registered in models.names() if models.is_own(registered) and registered[-1] != ":"]
    family = name.removesuffix(f" {SHIPPED}")
    if family in own:
        return own.index(family) % _N_LOOKS
    return int(sha256(name.encode()).hexdigest(), 16) % _N_LOOKS


def contrast(first: str, second: str) -> float:
    """Return the contrast of two colours as WCAG 2 defines it, from 1 to 21.

    Parameters
    ----------
    first, second : str
        Colours as #rrggbb.

    Examples
    --------
    >>> round(contrast("#000000", "#ffffff"))
    21
    """
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def _luminance(colour: str) -> float:
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@contextmanager
def house_style() -> Iterator[None]:
    """Draw in the house style, independently of the user's settings of matplotlib, which stay as they are."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def new_axes(
    *, width: float = COLUMN, height: float, layout: Literal["constrained", "compressed"] = "constrained"
) -> "Axes":
    """Return the axes of a new figure.

    Parameters
    ----------
    width, height : float
        Size in millimetres.
    layout : {"constrained", "compressed"}
        "compressed" for axes of a fixed aspect.

    Returns
    -------
    Axes
        Axes that fill the figure.
    """
    return new_figure(width=width, height=height, layout=layout).add_subplot()


def new_figure(
    *, width: float = COLUMN, height: float, layout: Literal["constrained", "compressed"] = "constrained"
) -> Figure:
    """Return a new figure without axes; its size is in millimetres, and `layout` is as for :func:`new_axes`."""
    size = (width / _MILLIMETRES, height / _MILLIMETRES)
    if "ipykernel" in sys.modules or "matplotlib.pyplot" in sys.modules:
        # Notebooks, and plt.show(), show the figures of pyplot alone.
        from matplotlib import pyplot

        return pyplot.figure(figsize=size, layout=layout)
    return Figure(figsize=size, layout=layout)


@house_style()
def save(figure: "Figure | Axes", path: Path) -> Path:
    """Write a figure; the same figure gives the same bytes.

    Parameters
    ----------
    figure : Figure or Axes
        Figure, or axes in it.
    path : Path
        Path that ends in .svg, .pdf or .png. Missing folders are made.

    Returns
    -------
    Path
        Path of the file.

    Raises
    ------
    UsageError
        If the path has another ending.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import mkdtemp
    >>> from neuroalign.reporting.figures import neurons_in_order, save
    >>> from neuroalign.testing import make_score
    >>> ax = neurons_in_order([make_score(per_neuron={"n1": 0.2, "n2": 0.6})])
    >>> save(ax, Path(mkdtemp()) / "neurons.svg").name
    'neurons.svg'
    """
    style = path.suffix.removeprefix(".").lower()
    if style not in FORMATS:
        raise UsageError(f"the name of a figure must end in .{', .'.join(FORMATS)}, got {path.name!r}")
    drawn = figure if isinstance(figure, Figure) else root_figure(figure)
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(path) as temporary:
        drawn.savefig(temporary, format=style, metadata=dict(_METADATA[style]))
    return path


def root_figure(ax: "Axes") -> Figure:
    """Return the figure of axes, also if the axes are in a subfigure."""
    figure = ax.get_figure(root=True)
    if figure is None:
        raise UsageError(
            "the axes must belong to a figure, got axes that were removed from it; draw the figure again"
        )
    return figure


def shown(name: str, longest: int = _LONGEST_NAME) -> str:
    """Return a name for a figure: printable, in one line, shortened, and visible in legends."""
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(name))
    if len(text) > longest:
        # Names of models differ at their ends as often as at their beginnings.
        text = f"{text[: longest // 2]}…{text[-((longest - 1) // 2) :]}"
    # matplotlib leaves names with a leading underscore out of legends.
    return f" {text}" if text.startswith("_") else text


def source(dataset: str, *, simulated: bool) -> str:
    """Name a dataset and the kind of its neurons, for the title of a figure."""
    return f"{shown(dataset)}, {'simulated' if simulated else 'recorded'} neurons"


def legend_rows(labels: Sequence[str], width: float = COLUMN) -> int:
    """Return the number of rows of a legend in a figure with this width in millimetres."""
    fitting = int(width // (9 + LETTER * max(map(len, labels))))
    return -(-len(labels) // max(1, min(fitting, 4)))


def legend_height(labels: Sequence[str], width: float = COLUMN) -> float:
    """Return the height of a legend in millimetres."""
    return 3.6 * legend_rows(labels, width)


def legend_below(ax: "Axes", handles: Sequence["Artist"]) -> "Legend":
    """Put a legend under the label of the horizontal axis, in as few rows as fit the width of the figure."""
    figure = root_figure(ax)
    # Long names push axes to the right. Below single axes, the legend has the width of the figure.
    across = figure.transFigure if figure.axes == [ax] else ax.transAxes
    below = blended_transform_factory(across, ax.transAxes) + ScaledTranslation(
        0, -26 / 72, figure.dpi_scale_trans
    )
    # The longest line of a label counts.
    labels = [max(str(handle.get_label()).split("\n"), key=len) for handle in handles]
    rows = legend_rows(labels, figure.get_figwidth() * _MILLIMETRES)
    return ax.legend(
        handles=list(handles),
        loc="upper center",
        bbox_to_anchor=(0.5, 0.0),
        bbox_transform=below,
        ncols=-(-len(handles) // rows),
        borderaxespad=0.0,
        columnspacing=1.2,
        handletextpad=0.5,
    )
