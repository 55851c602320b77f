"""`TrainingJob`: a SageMaker training job as a resource of a CloudFormation deployment.

`construct` builds the resources. `request` makes the request to SageMaker and the fingerprint.
`permissions` lists what the functions may do. `handlers` is the functions' code.
"""

from stacks.parts.network import Network
from stacks.training_job.construct import TrainingJob
from stacks.training_job.request import Channel, StoredChannel, StoredFile, TrainingJobError

__all__ = [
    "Channel",
    "Network",
    "StoredChannel",
    "StoredFile",
    "TrainingJob",
    "TrainingJobError",
]
