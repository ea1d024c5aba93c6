"""Top-k sparse autoencoders of latents: training, files and encoding.

Importing this module imports torch only when an autoencoder is trained.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from neuroalign.files.home import write_file
from neuroalign.model_zoo.fitted.components import Matrix, parts_of

#: Steps and images of a step of the training.
STEPS, BATCH_SIZE = 2000, 256

_LEARNING_RATE = 3e-3
#: Share of the steps at the end in which the learning rate falls to 0.
_FALLING = 0.3
# Unused units learn to predict the error of the others, with this weight (Gao et al. 2024, appendix A.2).
_UNUSED_WEIGHT = 1 / 32
#: Passes over the images without activity after which a unit counts as unused.
_UNUSED_AFTER = 10
_NAMES = ("mean", "scale", "encoder", "bias", "decoder", "offset")


@dataclass(frozen=True, eq=False)
class SparseAutoencoder:
    """Weights of a top-k sparse autoencoder.

    Parameters
    ----------
    k : int
        Number of units that are active for a stimulus, at most.
    mean : array of float32, shape (n_units,)
        Mean of the latents that it was trained on.
    scale : array of float32, shape (1,)
        Root of the mean squared distance of these latents from their mean.
    encoder, decoder : array of float32, shape (n, n_units)
        Weights; rows of the decoder have length 1.
    bias : array of float32, shape (n,)
    offset : array of float32, shape (n_units,)
        Bias of the decoder.
    numbers : mapping
        Numbers of the training, for records.
    """

    k: int
    mean: NDArray[np.float32]
    scale: NDArray[np.float32]
    encoder: NDArray[np.float32]
    bias: NDArray[np.float32]
    decoder: NDArray[np.float32]
    offset: NDArray[np.float32]
    numbers: Mapping[str, Any]

    def encode(self, rows: Matrix) -> Matrix:
        """Return the values of the units, shape (n_rows, n); at most k of a row are above 0.

        Parameters
        ----------
        rows : array of shape (n_rows, n_units)
        """
        centred = (rows - self.mean) / float(self.scale[0]) - self.offset
        with threadpool_limits(limits=1, user_api="blas"):
            values = np.maximum(centred @ self.encoder.T.astype(np.float64) + self.bias, 0)
        if self.k < values.shape[1]:
            # A stable order, so that equal values are always decided in the same way.
            rank = np.argsort(-values, axis=1, kind="stable")[:, self.k :]
            np.put_along_axis(values, rank, 0, axis=1)
        return values

    def decode(self, values: Matrix) -> Matrix:
        """Return the latents that the values of the units stand for, shape (n_rows, n_units)."""
        with threadpool_limits(limits=1, user_api="blas"):
            return (values @ self.decoder.astype(np.float64) + self.offset) * float(self.scale[0]) + self.mean

    def save(self, path: Path) -> None:
        """Write the weights and numbers to a safetensors file, which appears when it is complete."""
        from safetensors.numpy import save

        content = save(
            {name: np.ascontiguousarray(getattr(self, name)) for name in _NAMES},
            # One entry: safetensors writes several in a random order.
            metadata={"record": json.dumps({"k": self.k, "numbers": dict(self.numbers)}, sort_keys=True)},
        )
        write_file(path, content)


def read_autoencoder(path: Path) -> SparseAutoencoder:
    """Read the weights of an autoencoder.

    Raises
    ------
    OSError, ValueError
        If the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="np") as file:
            record = json.loads(file.metadata()["record"])
            weights = {name: file.get_tensor(name) for name in _NAMES}
        return SparseAutoencoder(k=int(record["k"]), numbers=record["numbers"], **weights)
    except (SafetensorError, KeyError, TypeError) as error:
        raise ValueError(f"the weights are damaged: {error}") from error


def train_autoencoder(rows: Matrix, *, n: int, k: int, seed: int, steps: int = STEPS) -> SparseAutoencoder:
    """Train a top-k sparse autoencoder on latents.

    Parameters
    ----------
    rows : array of shape (n_rows, n_units)
        Latents of the training images.
    n : int
        Number of units of the autoencoder.
    k : int
        Number of units that are active for an image, at most.
    seed : int
        Seed of the initial weights and of the order of the images.
    steps : int
        Number of steps; each has at most :data:`BATCH_SIZE` images.

    Returns
    -------
    SparseAutoencoder

    Notes
    -----
    Latents are centred and scaled to a mean squared length of 1. The loss is the mean squared distance between latents
    and reconstructions. Initially, encoder and decoder are the same random directions. Directions of the decoder keep
    length 1. Units that were not active in the last ten passes over the images learn to reconstruct the error of the
    others. Adam, in single precision on one thread of the CPU, so that the same latents give the same bytes.

    References
    ----------
    Gao, Dupré la Tour, Tillman, Goh, Troll, Radford, Sutskever, Leike & Wu (2024), "Scaling and evaluating sparse
    autoencoders", arXiv:2406.04093.
    """
    import torch

    from neuroalign.model_zoo.training.loop.devices import one_thread

    rng = np.random.default_rng(seed)
    n_rows, n_units = rows.shape
    mean = rows.mean(axis=0)
    scale = float(np.sqrt(((rows - mean) ** 2).sum(axis=1).mean())) or 1.0
    with one_thread(), torch.enable_grad():
        data = torch.from_numpy(((rows - mean) / scale).astype(np.float32))
        directions = rng.standard_normal((n, n_units))
        directions /= np.linalg.norm(directions, axis=1, keepdims=True)
        decoder = torch.tensor(directions, dtype=torch.float32, requires_grad=True)
        encoder = decoder.detach().clone().requires_grad_()
        bias = torch.zeros(n, requires_grad=True)
        offset = torch.zeros(n_units, requires_grad=True)
        optimiser = torch.optim.Adam([encoder, decoder, bias, offset], lr=_LEARNING_RATE)
        idle, unused_after = torch.zeros(n), _UNUSED_AFTER * max(1, n_rows // BATCH_SIZE)
        order = _orders(rng, n_rows)
        for step in range(steps):
            for group in optimiser.param_groups:
                group["lr"] = _LEARNING_RATE * min(1.0, (steps - step) / (_FALLING * steps))
            batch = data[torch.from_numpy(next(order))]
            before = (batch - offset) @ encoder.T + bias
            values = _largest(before, k)
            error = batch - (values @ decoder + offset)
            loss = (error**2).sum(dim=1).mean()
            idle = torch.where((values > 0).any(dim=0), 0.0, idle + 1)
            unused = idle > unused_after
            if bool(unused.any()):
                n_active = min(int(unused.sum()), max(k, n_units // 2))
                spare = _largest(torch.where(unused, before, -1.0), n_active) @ decoder
                loss = loss + _UNUSED_WEIGHT * ((error.detach() - spare) ** 2).sum(dim=1).mean()
            optimiser.zero_grad()
            loss.backward()
            with torch.no_grad():
                gradient = decoder.grad
                assert gradient is not None
                gradient -= (gradient * decoder).sum(dim=1, keepdim=True) * decoder
            optimiser.step()
            with torch.no_grad():
                decoder /= decoder.norm(dim=1, keepdim=True)
    weights = {
        name: np.asarray(value.detach().numpy())
        for name, value in (("encoder", encoder), ("decoder", decoder), ("bias", bias), ("offset", offset))
    }
    trained = SparseAutoencoder(
        k=k,
        mean=mean.astype(np.float32),
        scale=np.array([scale], dtype=np.float32),
        numbers={},
        **weights,
    )
    return SparseAutoencoder(**{**vars(trained), "numbers": {"steps": steps, **_describe(trained, rows)}})


def _largest(values: Any, k: int) -> Any:
    """Return rows with their k largest values, where these are above 0, and 0 elsewhere."""
    import torch

    kept = torch.relu(values).topk(k, dim=1)
    return torch.zeros_like(values).scatter(1, kept.indices, kept.values)


def _orders(rng: np.random.Generator, n_rows: int) -> Any:
    """Yield the rows of one batch after another; each pass over the rows has a new order."""
    size = min(BATCH_SIZE, n_rows)
    while True:
        order = rng.permutation(n_rows)
        for start in range(0, n_rows - size + 1, size):
            yield order[start : start + size]


def _describe(autoencoder: SparseAutoencoder, rows: Matrix) -> dict[str, Any]:
    """Return the explained variance, the mean number of active units, and the number of units without activity."""
    residual, n_active, is_active = 0.0, 0, np.zeros(len(autoencoder.bias), dtype=bool)
    for part in parts_of(len(rows), max(rows.shape[1], len(autoencoder.bias))):
        values = autoencoder.encode(rows[part])
        residual += float(((rows[part] - autoencoder.decode(values)) ** 2).sum())
        n_active += int((values > 0).sum())
        is_active |= (values > 0).any(axis=0)
    total = float(((rows - rows.mean(axis=0)) ** 2).sum())
    return {
        **({"explained_variance": 1 - residual / total} if total > 0 else {}),
        "mean_active": n_active / len(rows),
        "n_unused": int((~is_active).sum()),
    }
