"""Application Auto Scaling of the embedded AWS, for the instance counts of endpoints alone.

`autoscaling_service` takes requests and `scaling_resources` is for CloudFormation. Both call
`scaling_api`, which has the operations. `tracking` changes instance counts.
"""
