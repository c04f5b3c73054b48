"""The one exception for bad input: what a user can mend, said in one line."""


class InputError(ValueError):
    """A file, field or value that cannot be used.

    Args:
        where: The file, argument or config entry at fault.
        field: What part of it (``"line 3"``, ``"components.KD"``, ``"samples"``).
        problem: What is wrong, with the offending value.
    """

    # The defaults let a worker process's error be raised again from its text alone, as torch's loader does.
    def __init__(self, where: object, field: str = "", problem: str = "") -> None:
        super().__init__(where, field, problem)

    def __str__(self) -> str:
        return ": ".join(str(part) for part in self.args if part != "")
