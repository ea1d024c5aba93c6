"""P-values in words."""

import math


def format_p(value: float) -> str:
    """Write a p-value as a number.

    Parameters
    ----------
    value : float

    Returns
    -------
    str
        Three decimals, or two digits with an exponent below .001; "unknown" for NaN.

    Examples
    --------
    >>> format_p(0.0321), format_p(0.00002), format_p(float("nan"))
    ('0.032', '2.0e-05', 'unknown')
    """
    if math.isnan(value):
        return "unknown"
    return f"{value:.1e}" if value < 0.001 else f"{value:.3f}"


def p_in_words(value: float) -> str:
    """Write a p-value with its symbol, for a sentence.

    Parameters
    ----------
    value : float

    Returns
    -------
    str

    Examples
    --------
    >>> p_in_words(0.0321), p_in_words(0.00002), p_in_words(float("nan"))
    ('p = 0.032', 'p = 2.0e-05', 'p unknown')
    """
    return "p unknown" if math.isnan(value) else f"p = {format_p(value)}"
