"""The stack of the model and of the real-time endpoint that serves it."""

from typing import Any

from aws_cdk import CfnOutput, Stack
from constructs import Construct

from data_prep.manifest import Golden
from stacks import lda
from stacks.parts.functions import add_log_group
from stacks.serving import access, alarms, updates
from stacks.serving.dashboard import add_dashboard
from stacks.serving.endpoint import add_configuration, add_endpoint, add_model, digest_of
from stacks.serving.gate import Gate
from stacks.serving.scaling import add_scaling
from stacks.settings import Settings
from stacks.training import TrainingStack
from stacks.training_job import TrainingJob


class ServingStack(Stack):
    """A real-time endpoint named `<project>-<env>`, with the model of the training stack.

    An environment that is asleep has everything except the endpoint and its alarms, so that waking
    it up trains nothing. Without a training job the stack is empty.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        training: TrainingStack,
        golden: Golden | None,
        **props: Any,
    ) -> None:
        """Build the stack; `golden` are the documents that the gate sends to a new endpoint."""
        super().__init__(scope, id, description="Endpoint of the topic model", **props)
        if training.job is not None and golden is not None:
            self._serve(settings, training, training.job, golden)

    def _serve(
        self, settings: Settings, training: TrainingStack, job: TrainingJob, golden: Golden
    ) -> None:
        if not settings.is_serverless:
            lda.check_hosting(settings.endpoint.instance_type)
        # SageMaker would create this group itself, and leave it when the endpoint is deleted.
        logs = add_log_group(self, "EndpointLogs", name=f"/aws/sagemaker/Endpoints/{settings.name}")
        model = add_model(self, job, training.network, isolated=settings.isolated)
        configuration = add_configuration(self, settings, model, training.bucket, training.key)
        topic = alarms.add_topic(self, settings.notices, training.key)
        parameters = access.add_parameters(self, settings, job, model)
        access.add_invoke_policy(self, settings.name)
        transforming = access.add_transform_policy(
            self, settings, model, parameters, training.bucket, training.key
        )
        add_dashboard(self, settings, job)
        CfnOutput(self, "ModelArtifact", value=job.model_artifact)
        if not settings.endpoint.enabled:
            return
        deployment = updates.deployment_configuration(
            self, settings, configuration, digest_of(model, configuration), topic
        )
        endpoint = add_endpoint(self, settings, configuration, deployment)
        endpoint.node.add_dependency(logs)
        gate = Gate(
            self,
            "Gate",
            endpoint=endpoint,
            configuration=configuration,
            golden_file=settings.prepared / golden.file,
            golden_sha256=golden.sha256,
            topics=settings.model.num_topics,
        )
        if settings.wait_seconds:
            gate.ask_during_updates()
        if settings.scaling.max_instances is not None:
            add_scaling(endpoint, settings.scaling, settings.scaling.max_instances)
        # The idle alarm comes after the gate, whose requests are the endpoint's first.
        watching = alarms.add_alarms(self, settings, topic)
        for later in (*watching, *parameters.values(), transforming):
            later.node.add_dependency(gate.passed)
        CfnOutput(self, "EndpointName", value=endpoint.attr_endpoint_name)
