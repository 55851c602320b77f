"""What is peculiar to Amazon SageMaker's built-in LDA: its images, hyperparameters and limits.

Sources: the image table is the SageMaker Python SDK's `image_uri_config/lda.json` (v2 and v3
agree; AWS has retired the documentation pages that listed it); the hyperparameters are from the
Developer Guide's "LDA Hyperparameters".
"""

from collections.abc import Mapping

from aws_cdk import Aws, CfnMapping, Stack, Token, region_info
from constructs import Construct

REPOSITORY = "lda"
TAG = "1"  # AWS advises against `latest` in production

# LDA's registry accounts are not those of other algorithms, and these are all the Regions it has.
REGISTRY_ACCOUNTS = {
    "ap-northeast-1": "258307448986",
    "ap-northeast-2": "293181348795",
    "ap-south-1": "991648021394",
    "ap-southeast-1": "475088953585",
    "ap-southeast-2": "297031611018",
    "ca-central-1": "469771592824",
    "eu-central-1": "353608530281",
    "eu-west-1": "999678624901",
    "eu-west-2": "644912444149",
    "us-east-1": "766337827248",
    "us-east-2": "999911452149",
    "us-gov-west-1": "226302683700",
    "us-iso-east-1": "490574956308",
    "us-isob-east-1": "765400339828",
    "us-west-1": "632365934929",
    "us-west-2": "266724342769",
}


class UnsupportedRegionError(ValueError):
    """The Region has no LDA image; the message names those that have."""


def image_uri(scope: Construct) -> str:
    """The LDA image in the Region of `scope`'s stack.

    In a stack whose Region is known at deployment only, the account is looked up then, and a
    Region without the image fails there.

    Raises:
        UnsupportedRegionError: The Region is known and has no LDA image.
    """
    stack = Stack.of(scope)
    if Token.is_unresolved(stack.region):
        accounts = {region: {"Account": account} for region, account in REGISTRY_ACCOUNTS.items()}
        mapping = CfnMapping(scope, "LdaRegistry", mapping=accounts)
        account = mapping.find_in_map(Aws.REGION, "Account")
        return f"{account}.dkr.ecr.{Aws.REGION}.{Aws.URL_SUFFIX}/{REPOSITORY}:{TAG}"
    if stack.region not in REGISTRY_ACCOUNTS:
        raise UnsupportedRegionError(
            f"region is {stack.region!r}, which has no image of SageMaker's LDA; "
            f"these {len(REGISTRY_ACCOUNTS)} have: {', '.join(sorted(REGISTRY_ACCOUNTS))}"
        )
    suffix = region_info.RegionInfo.get(stack.region).domain_suffix or "amazonaws.com"
    account = REGISTRY_ACCOUNTS[stack.region]
    return f"{account}.dkr.ecr.{stack.region}.{suffix}/{REPOSITORY}:{TAG}"


def hyperparameters(
    *,
    num_topics: int,
    feature_dim: int,
    mini_batch_size: int,
    alpha0: float,
    max_restarts: int,
    max_iterations: int,
    tol: float,
) -> Mapping[str, str]:
    """The hyperparameters as CreateTrainingJob takes them: all are strings.

    Args:
        num_topics: Topics to find.
        feature_dim: Words in the vocabulary.
        mini_batch_size: Documents in the training corpus; LDA takes them all at once.
        alpha0: Initial guess of the Dirichlet concentration parameter's sum.
        max_restarts: Restarts of the alternating least squares.
        max_iterations: Iterations of one of them.
        tol: Its target error.
    """
    return {
        "num_topics": str(num_topics),
        "feature_dim": str(feature_dim),
        "mini_batch_size": str(mini_batch_size),
        "alpha0": str(alpha0),
        "max_restarts": str(max_restarts),
        "max_iterations": str(max_iterations),
        "tol": str(tol),
    }
