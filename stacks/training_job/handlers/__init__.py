"""The code of the construct's two functions; nothing but the runtime's boto3 is needed.

`start` is told by CloudFormation what the deployment wants. `finish` is told by EventBridge that a
job has ended. Either may come twice, late, or never.
"""
