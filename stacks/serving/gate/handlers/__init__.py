"""The code of the gate's functions; it needs only the boto3 of Lambda's runtime.

CloudFormation calls `check` after it has deployed the endpoint. EventBridge calls `during_update`
when an update has moved traffic. Both send the `golden` documents.
"""

METRICS = "EndpointGate"  # the namespace of the metric that `during_update` writes
