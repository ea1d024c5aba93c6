"""Leaderboards as data frames that show themselves in notebooks."""

from typing import Any

import pandas as pd

from neuroalign.results.display import as_html


class Leaderboard(pd.DataFrame):
    """Leaderboard of families: a data frame with a short text, and a table of its main columns in notebooks."""

    @property
    def _constructor(self) -> Any:
        return Leaderboard

    @property
    def _is_whole(self) -> bool:
        """Whether the frame still is a leaderboard: selections of rows and columns show themselves as data frames."""
        return {"family", "mean", "note"} <= set(self.columns) and len(self) == len(
            self.attrs.get("cautions", ())
        )

    def __str__(self) -> str:
        if not self._is_whole:
            return super().__str__()
        attrs = self.attrs
        kind = "simulated neurons" if attrs["simulated"] else "recorded neurons"
        lines = [f"{attrs['dataset']} ({kind}): {attrs['name']}, {attrs['statistic']['label']}"]
        width = max((len(family) for family in self["family"]), default=0)
        rows = self[["family", "mean", "ci_low", "ci_high", "letters"]].to_dict("records")
        for row in rows:
            mark = "!" if row["family"] in attrs["unreadable"] else row["letters"]
            interval = f"[{row['ci_low']:.2f}, {row['ci_high']:.2f}]"
            lines.append(f"  {row['family']:<{width}}  {row['mean']:.3f} {interval}  {mark}".rstrip())
        lines += [
            f"caution: {family}: {caution}."
            for family in self["family"]
            for caution in attrs["cautions"][family]
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str | None:
        if self._is_whole and (page := as_html("leaderboard", self)) is not None:
            return page
        return pd.DataFrame(self).to_html(max_rows=60, max_cols=20)
