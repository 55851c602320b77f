"""The images that exist here, and SageMaker's errors about all others.

Sources of the texts: aws/amazon-sagemaker-examples#2450 and aws/sagemaker-python-sdk#2063 for jobs,
aws-samples/easy-amazon-sagemaker-deployments#4 and aws/sagemaker-python-sdk#4700 for models.
"""

import re

from local_aws.api.errors import invalid

# Image repository and tag -> the module that is the image.
IMAGES = {("lda", "1"): "local_aws.lda_image"}
_IN_ECR = re.compile(
    r"\d{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com(?:\.cn)?/(?P<repository>[^:@]+)"
    r"(?::(?P<tag>[^:@]+))?(?:@(?P<digest>.+))?"
)


def module_of(uri: str) -> str:
    """Return the name of the module that is the image at `uri`.

    Raises:
        LookupError: There is no such image.
    """
    match = _IN_ECR.fullmatch(uri)
    if match is None or match["digest"]:
        raise LookupError(uri)
    return IMAGES[match["repository"], match["tag"] or "latest"]


def check_for_training(uri: str, role: str) -> None:
    """Reject a training job with an image that does not exist.

    Raises:
        ApiError: The image does not exist.
    """
    match = _IN_ECR.fullmatch(uri)
    if match is None:
        raise invalid(
            "Invalid training image. Please provide a valid Amazon Elastic Container Registry path "
            "of the Docker image to run."
        )
    if not _exists(uri):
        raise invalid(
            f"Cannot find the requested image: {uri} with tag: {match['tag'] or 'latest'} and "
            f"digest: {match['digest'] or 'null'}. Please check if your ECR image exists and role "
            f"{role} has proper pull permissions for SageMaker: ecr:BatchCheckLayerAvailability, "
            "ecr:BatchGetImage, ecr:GetDownloadUrlForLayer"
        )


def check_for_model(uri: str) -> None:
    """Reject a model with an image that does not exist.

    Raises:
        ApiError: The image does not exist.
    """
    if _IN_ECR.fullmatch(uri) is None:
        raise invalid(
            f'Using non-ECR image "{uri}" without Vpc repository access mode is not supported.'
        )
    if not _exists(uri):
        raise invalid(f"Requested image {uri} not found.")


def _exists(uri: str) -> bool:
    try:
        module_of(uri)
    except LookupError:
        return False
    return True
