"""`Gate`: a deployment succeeds only if the endpoint answers golden documents as it should.

`construct` builds the resources; `handlers` is the functions' code.
"""

from stacks.serving.gate.construct import Gate, failures

__all__ = ["Gate", "failures"]
