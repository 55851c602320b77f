"""`Gate`: a deployment succeeds only if the endpoint answers golden documents as it should.

`construct` builds the resources; `handlers` is the functions' code.
"""

from stacks.serving.gate.construct import Comparison, Gate, failures

__all__ = ["Comparison", "Gate", "failures"]
