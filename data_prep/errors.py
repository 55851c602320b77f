"""The error for everything that a user gave and that can't be used."""


class InputError(ValueError):
    """A file, folder or option that can't be used; the text says where, why, and what to do.

    Attributes:
        earlier: The errors that were tolerated before this one was too much.
    """

    earlier: tuple["InputError", ...] = ()
