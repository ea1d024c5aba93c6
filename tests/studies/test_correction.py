"""Correction of verdicts for the number of claims."""

import numpy as np
import pytest

from neuroalign.studies.findings import Finding, correct_over_claims


def finding(verdict, p):
    return Finding(verdict, "it is shown", p=p)


def test_holm_counts_the_claims_that_were_tested():
    result = correct_over_claims(
        [
            finding("agrees", 0.01),
            finding("disagrees", 0.03),
            finding("cannot tell", 0.5),
            finding("cannot tell", np.nan),
        ]
    )
    assert [finding.p for finding in result] == pytest.approx([0.03, 0.06, 0.5, np.nan], nan_ok=True)
    assert [finding.verdict for finding in result] == [
        "agrees",
        "cannot tell",
        "cannot tell",
        "cannot tell",
    ]
    assert result[0].why == "it is shown. After Holm's correction over 3 claims, p = 0.030."
    assert (
        result[1].why == "it is shown. This does not hold after Holm's correction over 3 claims, p = 0.060."
    )
    assert result[3].why == "it is shown"
