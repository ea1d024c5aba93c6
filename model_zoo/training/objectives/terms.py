"""Terms of the training objectives, for each image.

Importing this module imports torch.
"""

from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits


def bernoulli_log_likelihood(images: Tensor, logits: Tensor) -> Tensor:
    """Return the log-likelihood of each image, summed over its pixels.

    Parameters
    ----------
    images : tensor of shape (n, 1, height, width)
        Grey values in [0, 1].
    logits : tensor of the same shape
        Logits of the predicted grey values.

    Returns
    -------
    tensor of shape (n,), nats

    References
    ----------
    Kingma & Welling (2014), appendix C.1, with grey values in place of bits.
    """
    return -binary_cross_entropy_with_logits(logits, images, reduction="none").sum(dim=(1, 2, 3))


def gaussian_kl(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the divergence of diagonal Gaussians from the standard normal, for each latent.

    Parameters
    ----------
    mean, log_variance : tensors of shape (n, n_latents)

    Returns
    -------
    tensor of shape (n, n_latents), nats
        ½(μ² + σ² − log σ² − 1).

    References
    ----------
    Kingma & Welling (2014), appendix B.
    """
    return 0.5 * (mean.square() + log_variance.exp() - log_variance - 1)


def squared_error(images: Tensor, reconstructions: Tensor) -> Tensor:
    """Return the squared error of each image, summed over its pixels.

    Parameters
    ----------
    images, reconstructions : tensors of shape (n, 1, height, width)

    Returns
    -------
    tensor of shape (n,)

    References
    ----------
    Higgins et al. (2020), arXiv:2006.14304, eq. 2.
    """
    return (reconstructions - images).square().sum(dim=(1, 2, 3))
