"""The code of the construct's functions; it needs only the boto3 of Lambda's runtime.

CloudFormation calls `start` with what the deployment needs. EventBridge calls `finish` when a job
has ended. Either call may come twice, late, or never. Lambda calls `crashed` when `finish` failed
in each of its attempts.
"""

LOG_GROUP = "/aws/sagemaker/TrainingJobs"  # the log group of all training jobs
METRICS = "TrainingJobs"  # the namespace of the metrics that `finish` writes
