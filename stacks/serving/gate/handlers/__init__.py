"""The code of the gate's functions; nothing but the runtime's boto3 is needed.

`check` is told by CloudFormation that the endpoint has been deployed. `during_update` is told by
EventBridge that an update has moved traffic. Both ask `golden`.
"""
