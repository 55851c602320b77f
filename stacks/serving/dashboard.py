"""The dashboard: requests, errors, latency, instances and training."""

from aws_cdk import Duration, Stack
from aws_cdk import aws_cloudwatch as cloudwatch

from stacks.serving.metrics import INSTANCES, metric
from stacks.settings import Settings
from stacks.training_job import TrainingJob

ERRORS = {
    "Invocation4XXErrors": "4xx: the request",
    "Invocation5XXErrors": "5xx: the model or the endpoint",
    "InvocationModelErrors": "the model gave no good answer",
}
USE = {
    "CPUUtilization": "CPU (100 % for each core)",
    "MemoryUtilization": "memory",
    "DiskUtilization": "disk",
}
PERCENTILES = ("p50", "p90", "p99")


def add_dashboard(stack: Stack, settings: Settings, job: TrainingJob) -> None:
    """Add the dashboard. Its name includes the Region, since dashboards belong to all Regions."""
    name = settings.name
    # `each` counts an invocation as 1 / instances, so the quotient is the number of instances.
    instances = cloudwatch.MathExpression(
        expression="all / each",
        label="instances",
        using_metrics={
            "all": metric(name, "Invocations", statistic="Sum"),
            "each": metric(name, "InvocationsPerInstance", statistic="Sum"),
        },
    )
    rows: list[list[cloudwatch.GraphWidget]] = [
        [
            _graph("Requests", [metric(name, "Invocations", statistic="Sum", label="requests")]),
            _graph(
                "Errors",
                [metric(name, m, statistic="Sum", label=label) for m, label in ERRORS.items()],
            ),
        ],
        [
            _graph("Model latency", _milliseconds(name, "ModelLatency"), unit="ms"),
            _graph("Overhead latency", _milliseconds(name, "OverheadLatency"), unit="ms"),
        ],
        [
            _graph("Instances (while there are requests)", [instances]),
            _graph(
                "Use of the instances",
                [
                    metric(name, m, namespace=INSTANCES, statistic="Maximum", label=label)
                    for m, label in USE.items()
                ],
                unit="%",
            ),
        ],
        [
            _graph(
                "Training jobs: duration",
                [job.metric_duration(label="duration", period=Duration.hours(1))],
                unit="s",
            ),
            _graph(
                "Training jobs: failures",
                [job.metric_failed(label="failed", period=Duration.hours(1))],
            ),
        ],
    ]
    if settings.is_serverless:
        del rows[2]
    cloudwatch.Dashboard(
        stack,
        "Dashboard",
        dashboard_name=f"{name}-{stack.region}",
        widgets=rows,
    )


def _milliseconds(endpoint: str, name: str) -> list[cloudwatch.IMetric]:
    """Return the percentiles of a latency in milliseconds; SageMaker measures microseconds."""
    return [
        cloudwatch.MathExpression(
            expression=f"{percentile}us / 1000",
            label=percentile,
            using_metrics={f"{percentile}us": metric(endpoint, name, statistic=percentile)},
        )
        for percentile in PERCENTILES
    ]


def _graph(
    title: str, metrics: list[cloudwatch.IMetric], unit: str | None = None
) -> cloudwatch.GraphWidget:
    return cloudwatch.GraphWidget(
        title=title,
        width=12,
        left=metrics,
        left_y_axis=cloudwatch.YAxisProps(min=0, label=unit, show_units=unit is None),
    )
