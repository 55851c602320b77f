"""A CDK app that nobody here wrote: SageMaker's alpha constructs, and a custom resource.

Its context: `data` is the bucket of a model, at `key`.
"""

import aws_cdk as cdk
import aws_cdk.aws_sagemaker_alpha as sagemaker  # type: ignore[import-not-found, unused-ignore]
from aws_cdk import aws_ecr as ecr
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

ASKS = """
import boto3, json, urllib.request

def handler(event, context):
    answer = {k: event[k] for k in ("StackId", "RequestId", "LogicalResourceId")}
    answer |= {"Status": "SUCCESS", "PhysicalResourceId": "asked"}
    try:
        boto3.client("ssm").get_parameters(Names=["none"])
    except Exception as error:
        answer |= {"Status": "FAILED", "Reason": str(error)}
    data = json.dumps(answer).encode()
    request = urllib.request.Request(event["ResponseURL"], data, method="PUT")
    urllib.request.urlopen(request)
"""

app = cdk.App()
stack = cdk.Stack(app, "Foreign")
data = s3.Bucket.from_bucket_name(stack, "Data", app.node.get_context("data"))
repository = ecr.Repository.from_repository_arn(
    stack, "Images", "arn:aws:ecr:us-east-1:766337827248:repository/lda"
)
model = sagemaker.Model(
    stack,
    "Model",
    containers=[
        sagemaker.ContainerDefinition(
            image=sagemaker.ContainerImage.from_ecr_repository(repository, "1"),
            model_data=sagemaker.ModelData.from_bucket(data, app.node.get_context("key")),
        )
    ],
)
config = sagemaker.EndpointConfig(
    stack,
    "Config",
    instance_production_variants=[
        sagemaker.InstanceProductionVariantProps(
            model=model,
            variant_name="variant",
            instance_type=sagemaker.InstanceType.M5_LARGE,
            initial_instance_count=1,
        )
    ],
)
endpoint = sagemaker.Endpoint(stack, "Endpoint", endpoint_config=config)
variant = endpoint.find_instance_production_variant("variant")
scaling = variant.auto_scale_instance_count(min_capacity=1, max_capacity=3)
scaling.scale_on_invocations("Invocations", max_requests_per_second=30, safety_factor=0.5)
variant.metric_invocations().create_alarm(stack, "Many", threshold=1000, evaluation_periods=1)

# Asks before anything says that the policy is there: only its name, the first of all, decides.
asker = lambda_.Function(
    stack,
    "Asker",
    runtime=lambda_.Runtime.PYTHON_3_13,
    handler="index.handler",
    code=lambda_.Code.from_inline(ASKS),
)
iam.Policy(
    stack,
    "ZPolicy",
    statements=[iam.PolicyStatement(actions=["ssm:GetParameters"], resources=["*"])],
    roles=[asker.role] if asker.role else [],
)
cdk.CfnResource(
    stack, "AQuestion", type="Custom::Question", properties={"ServiceToken": asker.function_arn}
)

client = iam.Role(stack, "Client", assumed_by=iam.AccountRootPrincipal())
endpoint.grant_invoke(client)
for name, value in {
    "Endpoint": endpoint.endpoint_name,
    "ModelArn": model.model_arn,
    "ModelName": model.model_name,
    "Client": client.role_arn,
}.items():
    cdk.CfnOutput(stack, f"Out{name}", value=value)
app.synth()
