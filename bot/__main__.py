"""`python -m bot`: the worker as a process of its own, with a main module so light that job processes load it for free.

Every job process imports its parent's main module again; started from the command line's, each would own 20 MB of it.
"""

if __name__ == "__main__":
    from bot.worker import main

    main()
