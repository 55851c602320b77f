"""The endpoint's CloudWatch metrics, with the names that SageMaker gives them.

Source: SageMaker Developer Guide, "Monitor Amazon SageMaker AI with Amazon CloudWatch".
"""

from typing import Any

from aws_cdk import aws_cloudwatch as cloudwatch

VARIANT = "AllTraffic"
INVOCATIONS = "AWS/SageMaker"
INSTANCES = "/aws/sagemaker/Endpoints"


def metric(
    endpoint: str,
    name: str,
    *,
    namespace: str = INVOCATIONS,
    configuration: str | None = None,
    **options: Any,
) -> cloudwatch.Metric:
    """Return a metric of the endpoint.

    Args:
        endpoint: The endpoint's name.
        name: The metric's name, for example `ModelLatency`, which is in microseconds.
        namespace: `INVOCATIONS`, or `INSTANCES` for the use of CPU, memory and disk.
        configuration: Count only instances that run this configuration; all instances if None.
        **options: Options of the metric, such as its statistic and period.
    """
    dimensions = {"EndpointName": endpoint, "VariantName": VARIANT}
    if configuration is not None:
        dimensions["EndpointConfigName"] = configuration
    return cloudwatch.Metric(
        namespace=namespace, metric_name=name, dimensions_map=dimensions, **options
    )
