"""`Gate`: a deployment succeeds only if the endpoint answers its golden documents correctly.

`construct` builds the resources; `handlers` is the functions' code.
"""

from stacks.serving.gate.construct import Gate, failures

__all__ = ["Gate", "failures"]
