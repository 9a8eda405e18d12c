"""`python -m bot`: the worker as a process of its own, with a main module so light that job processes load it for free.

Every job process imports its parent's main module again; started from the command line's, each would own 20 MB of it.
"""

import os

if __name__ == "__main__":
    # A call has 17 threads, most of the SDK's own; an allocator arena for each would double what a call owns.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")  # noqa: TID251 - told to glibc, not read by us

    from bot.worker import main

    main()
