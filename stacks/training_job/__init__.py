"""`TrainingJob`: a SageMaker training job as a resource of a CloudFormation deployment.

`construct` builds the resources; `handlers` is the code of its two functions.
"""

from stacks.training_job.construct import Channel, TrainingJob

__all__ = ["Channel", "TrainingJob"]
