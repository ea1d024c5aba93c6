"""Shuffles of stimuli that keep the stimuli exchangeable: originals, tiers and groups of stimuli."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from neuroalign.datasets.variants import Originals
from neuroalign.stats import block_kinds, n_fixed, permute_blocks, permute_stimuli, permute_within

IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Exchange:
    """Permutations of stimuli for the level of chance; variants of one original move together.

    Parameters
    ----------
    originals : Originals
        Originals of the stimuli, in the order of the rows.
    strata : array of int, shape (n_stimuli,), optional
        Stimuli change places within a stratum only, such as the training and the test tier of a split.
    blocks : array of int, shape (n_stimuli,), optional
        Stimuli change places within a block, such as a category, and whole blocks of equal size change places.
    column : str
        Column of the stimulus table behind `strata` or `blocks`.
    """

    originals: Originals
    strata: IntArray | None = None
    blocks: IntArray | None = None
    column: str = ""

    def permute(self, rng: np.random.Generator) -> IntArray:
        """Return a random permutation of the rows, int64 of shape (n_stimuli,)."""
        labels = self.originals.labels
        if self.strata is not None:
            return permute_within(self.strata, labels, rng)
        if self.blocks is not None:
            return permute_blocks(self.blocks, labels, rng)
        return permute_stimuli(labels, rng)

    def take(self, rows: NDArray[np.bool_], originals: Originals) -> "Exchange":
        """Return the permutations of some stimuli.

        Parameters
        ----------
        rows : array of bool, shape (n_stimuli,)
        originals : Originals
            Originals of these stimuli.
        """
        strata, blocks = (None if labels is None else labels[rows] for labels in (self.strata, self.blocks))
        # All stimuli of one block change places.
        if blocks is not None and np.unique(blocks).size < 2:
            return Exchange(originals)
        return Exchange(originals, strata, blocks, self.column)

    @property
    def is_possible(self) -> bool:
        """Whether some original can take the place of another one."""
        if self.blocks is not None and self._n_fixed_blocks < self._n_blocks:
            return True
        if not self.originals.has_variants and self.strata is None and self.blocks is None:
            return True
        parts = [np.unique(part, return_inverse=True)[1] for part in self._parts()]
        return any(n_fixed(part) < int(part.max(initial=-1)) + 1 for part in parts)

    @property
    def notes(self) -> list[str]:
        """Notes on the variants, tiers and groups in shuffles; empty where all stimuli change places freely."""
        notes = []
        if self.strata is not None:
            notes.append(f"shuffles stay within each tier of {self.column}")
        if self.blocks is not None:
            moving = self._n_blocks - self._n_fixed_blocks
            notes.append(
                f"shuffles stay within each group of {self.column}, and {moving} of {self._n_blocks} groups change "
                "places with groups of equal size"
            )
            if moving < self._n_blocks:
                notes.append(
                    "the level of chance keeps the prediction of groups that have a size of their own: p tests the "
                    "relation of units and neurons within these groups"
                )
        if not self.originals.has_variants:
            return notes
        n = self.originals.n
        if not self.is_possible:
            return [
                f"no two of the {n:,} originals have equally many variants, so stimuli cannot be shuffled: the level "
                "of chance is not known"
            ]
        notes = self.originals.notes("shuffles") + notes
        fixed = sum(n_fixed(np.unique(part, return_inverse=True)[1]) for part in self._parts())
        if fixed:
            where = "" if self.strata is None and self.blocks is None else f" of its {self.column}"
            notes.append(
                f"{fixed:,} of {n:,} originals keep their place in shuffles: no other one{where} has as many variants"
            )
        return notes

    def _parts(self) -> list[IntArray]:
        """Return the originals of the stimuli of each stratum or block."""
        labels = self.originals.labels
        parts = self.strata if self.strata is not None else self.blocks
        return [labels] if parts is None else [labels[parts == part] for part in np.unique(parts)]

    @property
    def _n_blocks(self) -> int:
        return 0 if self.blocks is None else int(np.unique(self.blocks).size)

    @property
    def _n_fixed_blocks(self) -> int:
        """Number of blocks that no other block can change places with."""
        assert self.blocks is not None
        kinds = block_kinds(self.blocks, self.originals.labels)[0]
        return int((np.bincount(kinds) == 1).sum())
