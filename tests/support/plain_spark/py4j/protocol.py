"""The error of Java, which is not here."""


class Py4JError(Exception):
    pass
