"""A stand-in for torch on a host with a GPU: once CUDA has started in a process, what is forked from it can't use it.

STANDIN_CUDA_BREAKS: raise this text instead, as a driver that is too old does.
"""

import os


class cuda:  # noqa: N801  (a module of torch)
    """What is asked of it."""

    _started = False
    _bad_fork = False

    @classmethod
    def _start(cls):
        if os.environ.get("STANDIN_CUDA_BREAKS"):
            raise RuntimeError(os.environ["STANDIN_CUDA_BREAKS"])
        if cls._bad_fork:
            raise RuntimeError("Cannot re-initialize CUDA in forked subprocess.")
        cls._started = True

    @classmethod
    def is_initialized(cls):
        return cls._started

    @classmethod
    def device_count(cls):
        cls._start()
        return 1

    @classmethod
    def get_device_name(cls, index):
        cls._start()
        return f"Stand-In {index}"


def _forked():
    cuda._bad_fork = cuda._started


os.register_at_fork(after_in_child=_forked)
