"""Recordings in parallel processes of one thread each."""

import multiprocessing
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager

import torch
from tqdm import tqdm

from codec.single_threaded import single_threaded
from training.evaluation.clips import Clip
from training.evaluation.judging import Plan, Verdict, judge


def judge_all(plan: Plan, clips: Sequence[Clip], workers: int) -> list[Verdict]:
    """Verdicts in the order of the clips, with a progress bar; as many processes as `workers`."""
    verdicts: dict[int, Verdict] = {}
    with fresh_processes(workers) as pool, tqdm(total=len(clips), unit="file", disable=None) as bar:
        tasks = {pool.submit(judge, plan, clip): number for number, clip in enumerate(clips)}
        try:
            for task in as_completed(tasks):
                verdicts[tasks[task]] = task.result()
                bar.update()
        except BaseException:
            # Otherwise leaving the pool waits for all that is still queued.
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return [verdicts[number] for number in range(len(clips))]


@contextmanager
def fresh_processes(workers: int) -> Iterator[Executor]:
    """Processes that share nothing with this one and use one thread each."""
    # A forked process would keep the threads of this one.
    spawn = multiprocessing.get_context("spawn")
    with (
        single_threaded(),
        ProcessPoolExecutor(workers, spawn, initializer=torch.set_num_threads, initargs=(1,)) as pool,
    ):
        yield pool
