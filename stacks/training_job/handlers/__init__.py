"""The code of the construct's functions; nothing but the runtime's boto3 is needed.

`start` is told by CloudFormation what the deployment wants. `finish` is told by EventBridge that a
job has ended. Either may come twice, late, or never. `crashed` is told by Lambda that `finish`
failed however often it was tried.
"""
