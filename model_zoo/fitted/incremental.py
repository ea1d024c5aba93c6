"""Principal components in one pass over the rows, without a matrix of all pairs of rows or of features."""

import numpy as np
from threadpoolctl import threadpool_limits

from neuroalign.model_zoo.fitted import components
from neuroalign.model_zoo.fitted.components import PrincipalComponents, Rows, most_components, signs

#: Components that are kept beside the wanted ones while rows are added, so that the last ones are accurate as well.
SPARE = 50


def incremental_components(rows: Rows, n: int) -> PrincipalComponents:
    """Find the first `n` principal components by scikit-learn's ``IncrementalPCA``.

    Parameters
    ----------
    rows : array of shape (n_rows, n_features)
        The matrix is read in blocks of rows, once.
    n : int
        At most ``most_components(n_rows, n_features)``.

    Returns
    -------
    PrincipalComponents

    Notes
    -----
    After each block of rows the first ``n + SPARE`` components are kept, and the rest is lost. So the result is exact
    (to rounding) if the rows fit into one block or have at most ``n + SPARE`` dimensions, and close to exact if their
    spectrum decays. A block has at most :data:`neuroalign.model_zoo.fitted.components.BLOCK` entries, but at least as
    many rows as components are kept. The size of the blocks depends on the shape of the matrix alone. One thread
    computes.

    References
    ----------
    Ross, Lim, Lin & Yang (2008), "Incremental learning for robust visual tracking", IJCV 77:125.

    Examples
    --------
    >>> rows = np.random.default_rng(0).standard_normal((30, 5))
    >>> fitted = incremental_components(rows, 2)
    >>> fitted.axes.shape
    (2, 5)
    >>> np.allclose(fitted.scale, components.principal_components(rows, 2).scale)
    True
    """
    from sklearn.decomposition import IncrementalPCA
    from sklearn.utils import gen_batches

    n_rows, n_features = rows.shape
    kept = min(n + SPARE, most_components(n_rows, n_features))
    block = max(kept, components.BLOCK // max(1, n_features))
    pca = IncrementalPCA(kept)
    # Rows without variance have no shares of variance.
    with threadpool_limits(limits=1, user_api="blas"), np.errstate(invalid="ignore"):
        for part in gen_batches(n_rows, block, min_batch_size=kept):
            pca.partial_fit(rows[part])
    singular = np.where(pca.singular_values_ > 1e-7 * pca.singular_values_[0], pca.singular_values_, 0.0)[:n]
    axes = pca.components_[:n] * (singular > 0)[:, np.newaxis]
    return PrincipalComponents(
        pca.mean_, axes * signs(axes)[:, np.newaxis], singular / np.sqrt(n_rows), float(np.sum(pca.var_))
    )
