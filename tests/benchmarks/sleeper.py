"""A contender that knows nothing but what it was started with; told to, it fails."""

import os

from benchmarks.contender import serve


def prepare(fail_at: int, **settings):
    """A turn tells everything; the `fail_at`-th ends the process."""
    turns = 0

    def turn():
        nonlocal turns
        turns += 1
        if turns == fail_at:
            raise ValueError("this contender fails")
        print("what a library prints")
        return {
            "turns": turns,
            "settings": settings,
            "cores": sorted(os.sched_getaffinity(0)),
            "environment": [os.environ.get(name) for name in ("MALLOC_ARENA_MAX", "TF_NUM_INTEROP_THREADS")],
        }

    return turn


if __name__ == "__main__":
    serve(prepare)
