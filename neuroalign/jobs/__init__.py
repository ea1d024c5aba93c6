"""Jobs: calls of functions that run in processes of this machine, or on a cluster."""

from neuroalign.jobs.clusters import current_cluster
from neuroalign.jobs.joining import Backend, cluster
from neuroalign.jobs.running import Job, count_workers, naming_lost_process, run_jobs
from neuroalign.jobs.workers import end_of_command

__all__ = [
    "Backend",
    "Job",
    "cluster",
    "count_workers",
    "current_cluster",
    "end_of_command",
    "naming_lost_process",
    "run_jobs",
]
