"""What can go wrong with a local stack, as one line that also says what to do."""

from __future__ import annotations


class StackError(Exception):
    """The stack cannot start or go on; the message is for the person at the terminal."""

    def __init__(self, wrong: str, fix: str) -> None:
        super().__init__(f"{wrong}: {fix}")
        self.wrong, self.fix = wrong, fix
