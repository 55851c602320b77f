"""`TrainingJob`: a SageMaker training job as a resource of a CloudFormation deployment.

`construct` builds the resources, `request` says what SageMaker is asked for, `permissions` what the
functions may do; `handlers` is the functions' code.
"""

from stacks.training_job.construct import TrainingJob
from stacks.training_job.request import Channel, TrainingJobError

__all__ = ["Channel", "TrainingJob", "TrainingJobError"]
