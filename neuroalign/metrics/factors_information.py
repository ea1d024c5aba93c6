"""Mutual information of units and stimulus factors: MIG, modularity and compactness."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neuroalign.arithmetic import divide
from neuroalign.metrics.factors_codes import as_units_and_factors, bin_columns

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class FactorInformation:
    """Result of :func:`factor_information`; D units, K factors."""

    #: Mutual information of each unit and factor in nats, (D, K).
    mutual_information: FloatArray
    #: Entropy of each factor in nats, (K,).
    entropy: FloatArray
    #: Mutual information gap: the mean of `mig_per_factor`.
    mig: float
    #: Gap of the two most informative units in shares of the factor's entropy, (K,).
    mig_per_factor: FloatArray
    #: InfoM: the mean of `modularity_per_unit` over the units with information.
    modularity: float
    #: 1 if a unit has information on one factor only, 0 if it has as much on all factors, (D,); NaN without information
    #: or with one factor.
    modularity_per_unit: FloatArray
    #: InfoC: the mean of `compactness_per_factor` over the factors with information.
    compactness: float
    #: 1 if one unit only has information on a factor, 0 if all units have as much, (K,); NaN without information or
    #: with one unit.
    compactness_per_factor: FloatArray


def factor_information(
    Z: ArrayLike, factors: ArrayLike, *, categorical: ArrayLike | None = None, bins: int = 20
) -> FactorInformation:
    """Compare units and factors by their mutual information.

    With I_dk the mutual information of unit d and factor k, H_k the entropy of the factor, and N_dk = I_dk / H_k::

        MIG   = mean_k (I_(1)k − I_(2)k) / H_k         the two units with the most information on factor k
        InfoM = mean_d (max_k N_dk / Σ_k N_dk − 1/K) / (1 − 1/K)
        InfoC = mean_k (max_d N_dk / Σ_d N_dk − 1/D) / (1 − 1/D)

    Parameters
    ----------
    Z : array of shape (N, D)
        Units, stimuli in rows. Units without variance have no information; leave them out, because InfoC depends on D.
    factors : array of shape (N, K)
        Numbers, or categories as numbers.
    categorical : array of bool, shape (K,), optional
        Which factors are categories; by default none.
    bins : int
        Number of bins of equal width, for units and factors with more different values.

    Returns
    -------
    FactorInformation

    Raises
    ------
    ArrayError
        If shapes do not fit, a value is NaN or infinite, or a factor does not vary.
    UsageError
        If there are fewer than two bins.

    Notes
    -----
    The observed frequencies give the information. In N stimuli it exceeds the true information by about
    (B − 1)(B' − 1)/2N nats with B and B' occupied bins, which lowers InfoM and InfoC; compare with shuffled stimuli.

    References
    ----------
    Chen, R. T. Q. et al. (2018). Isolating sources of disentanglement in variational autoencoders. NeurIPS (MIG).
    Hsu, K. et al. (2023). Disentanglement via latent quantization. NeurIPS (InfoM, InfoC). Its authors estimate the
    information of continuous units from nearest neighbours; here, as in MIG, both are binned.

    Examples
    --------
    >>> from neuroalign.metrics import factor_information
    >>> import numpy as np
    >>> factors = np.array([[a, b] for a in range(4) for b in range(4)])
    >>> result = factor_information(factors, factors)
    >>> result.mig, result.modularity, result.compactness
    (1.0, 1.0, 1.0)
    """
    units, values, is_category = as_units_and_factors(Z, factors, categorical)
    of_factors = bin_columns(values, bins, categorical=is_category)
    entropy = np.array([_entropy(np.bincount(codes)) for codes in of_factors.T])
    information = _mutual_information(bin_columns(units, bins), of_factors, entropy)
    shares = information / entropy
    largest = np.sort(np.vstack([shares, np.zeros((2, shares.shape[1]))]), axis=0)[::-1]
    gaps = largest[0] - largest[1]
    per_unit = _concentration(shares.T)
    per_factor = _concentration(shares)
    return FactorInformation(
        information,
        entropy,
        mig=float(gaps.mean()),
        mig_per_factor=gaps,
        modularity=_mean(per_unit),
        modularity_per_unit=per_unit,
        compactness=_mean(per_factor),
        compactness_per_factor=per_factor,
    )


def _mutual_information(
    of_units: NDArray[np.int64], of_factors: NDArray[np.int64], entropy: FloatArray
) -> FloatArray:
    """Return the information in nats, (D, K); without more than rounding it is 0."""
    information = np.empty((of_units.shape[1], of_factors.shape[1]))
    for unit, codes in enumerate(of_units.T):
        own = _entropy(np.bincount(codes))
        for factor, others in enumerate(of_factors.T):
            joint = np.bincount(codes * (others.max() + 1) + others)
            information[unit, factor] = own + entropy[factor] - _entropy(joint)
    return np.where(information > 1e-12, information, 0.0)


def _entropy(counts: NDArray[np.int64]) -> float:
    shares = counts[counts > 0] / counts.sum()
    return float(-np.sum(shares * np.log(shares)))


def _concentration(shares: FloatArray) -> FloatArray:
    """Return (max / sum − 1/n) / (1 − 1/n) of each column of n rows; NaN for a column of zeros or with one row."""
    n = len(shares)
    if n < 2:
        return np.full(shares.shape[1], np.nan)
    ratio = divide(shares.max(axis=0), shares.sum(axis=0), otherwise=np.nan)
    concentration: FloatArray = (ratio - 1.0 / n) / (1.0 - 1.0 / n)
    return concentration


def _mean(values: FloatArray) -> float:
    finite = values[np.isfinite(values)]
    return float(finite.mean()) if finite.size else float("nan")
