"""Static sites of leaderboards and boards: a folder of pages that open without a server or a network."""

from neuroalign.reporting.site.board_writing import write_board_site
from neuroalign.reporting.site.writing import write_site

__all__ = ["write_board_site", "write_site"]
