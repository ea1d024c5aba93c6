"""Betas of one subject of the Natural Scenes Dataset to the shared images, as files that neuroalign imports.

``python nsd_shared.py NSD OUT --subject 1 --roi prf-visualrois --labels 7`` reads the folders ``nsddata``,
``nsddata_betas`` and ``nsddata_stimuli`` in NSD, as they are published, and writes into OUT

- ``betas.npy``: voxels × images × 3 repetitions, in percent signal change, NaN for a repetition that was not shown;
- ``voxels.csv``: id, region and position (in voxels of func1pt8mm) of each voxel;
- ``images/``: the images as PNG files, named by their number in NSD, from 1.

Images are those that all chosen subjects saw three times: 515 for eight subjects.
"""

import argparse
from pathlib import Path

import h5py
import nibabel
import numpy as np
import pandas as pd
import scipy.io
from PIL import Image

TRIALS_PER_SESSION = 750
#: Sessions of the eight subjects.
SESSIONS = (40, 40, 32, 30, 40, 32, 40, 30)


def shown_images(design: dict[str, np.ndarray], subject: int) -> np.ndarray:
    """Return the number of the image in each trial of a subject, from 1."""
    order = design["masterordering"].ravel()[: SESSIONS[subject - 1] * TRIALS_PER_SESSION]
    return design["subjectim"][subject - 1, order - 1]


def complete_images(design: dict[str, np.ndarray], subjects: list[int]) -> np.ndarray:
    """Return the shared images that all subjects saw three times, sorted."""
    shared = np.sort(design["sharedix"].ravel())
    for subject in subjects:
        numbers, counts = np.unique(shown_images(design, subject), return_counts=True)
        shared = np.intersect1d(shared, numbers[counts >= 3])
    return shared


def main() -> None:
    """Read the arguments, the design, the betas and the images, and write the files."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("nsd", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--subject", type=int, default=1, choices=range(1, 9))
    parser.add_argument("--complete-for", type=int, nargs="+", default=list(range(1, 9)), metavar="SUBJECT")
    parser.add_argument("--roi", default="nsdgeneral", help="NIfTI file in roi/, without its end")
    parser.add_argument(
        "--labels", type=int, nargs="*", help="values in the file; by default all positive values"
    )
    parser.add_argument("--betas", default="betas_fithrf_GLMdenoise_RR")
    parser.add_argument("--raw", action="store_true", help="do not z-score each voxel within each session")
    args = parser.parse_args()

    space = f"ppdata/subj{args.subject:02d}/func1pt8mm"
    design = scipy.io.loadmat(args.nsd / "nsddata/experiments/nsd/nsd_expdesign.mat")
    roi = np.asarray(nibabel.load(args.nsd / "nsddata" / space / "roi" / f"{args.roi}.nii.gz").dataobj)
    mask = np.isin(roi, args.labels) if args.labels else roi > 0
    images = complete_images(design, args.complete_for)
    shown = shown_images(design, args.subject)

    args.out.mkdir(parents=True, exist_ok=True)
    betas = np.full((int(mask.sum()), len(images), 3), np.nan, dtype=np.float32)
    count = np.zeros(len(images), dtype=int)
    for session in range(SESSIONS[args.subject - 1]):
        numbers = shown[session * TRIALS_PER_SESSION : (session + 1) * TRIALS_PER_SESSION]
        file = args.nsd / "nsddata_betas" / space / args.betas / f"betas_session{session + 1:02d}.hdf5"
        with h5py.File(file) as opened:
            # Stored as int16, 300 times the percent signal change; h5py shows trials, z, y, x.
            trials = np.stack([trial.T[mask] for trial in opened["betas"]]).astype(np.float32) / 300
        if not args.raw:
            trials = (trials - trials.mean(axis=0)) / trials.std(axis=0)
        for trial, number in zip(trials, numbers, strict=True):
            place = np.searchsorted(images, number)
            if place < len(images) and images[place] == number and count[place] < 3:
                betas[:, place, count[place]] = trial
                count[place] += 1
        print(f"session {session + 1}: {int(count.sum())} of {betas.shape[1] * 3} trials", flush=True)
    usable = np.isfinite(betas).all(axis=(1, 2))
    print(f"{int((~usable).sum())} of {len(usable)} voxels without signal left out")
    np.save(args.out / "betas.npy", betas[usable])
    position = np.argwhere(mask)[usable]
    voxels = pd.DataFrame(position, columns=["x", "y", "z"])
    voxels.insert(0, "voxel", ["-".join(map(str, place)) for place in position.tolist()])
    voxels["region"] = [f"{args.roi}-{label}" for label in roi[mask][usable].astype(int)]
    voxels["animal"] = f"subj{args.subject:02d}"
    voxels.to_csv(args.out / "voxels.csv", index=False)
    (args.out / "images").mkdir(exist_ok=True)
    with h5py.File(args.nsd / "nsddata_stimuli/stimuli/nsd/nsd_stimuli.hdf5") as opened:
        for number in images:
            Image.fromarray(opened["imgBrick"][number - 1]).save(args.out / "images" / f"nsd{number:05d}.png")


if __name__ == "__main__":
    main()
