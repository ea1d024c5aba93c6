"""Static site of leaderboards: a folder of pages that open without a server or a network."""

from neuroalign.reporting.site.writing import write_site

__all__ = ["write_site"]
