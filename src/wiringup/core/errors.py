"""The errors a user can mend. The CLI prints their message without a traceback."""


class WiringupError(Exception):
    """Something the user can put right: the message says what came, what is allowed and what to do."""


class InputError(WiringupError, ValueError):
    """A value from outside (an argument, a file's content) is not usable."""


class UnreadableError(InputError):
    """The system does not let a file be read just now, which says nothing about its content."""


class NotFiniteError(InputError):
    """Responses hold NaN or infinite values."""


class MissingDataError(WiringupError, FileNotFoundError):
    """Data that has to be fetched, imported or named first is not there."""


class NotPackedError(MissingDataError):
    """Images are there, but have to be packed first, which takes long."""


class BusyError(WiringupError):
    """Another process holds what this one needs (a run folder, a cache)."""


class DivergedError(WiringupError):
    """A training's loss, gradients or weights stopped being finite."""


class PreemptedError(WiringupError):
    """SIGTERM ended the work at a point from which it continues; the CLI exits with a code of its own."""
