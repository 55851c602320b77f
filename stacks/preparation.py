"""The stack of the Glue job that prepares a corpus in the account, by Spark."""

from pathlib import Path
from typing import Any

from aws_cdk import CfnOutput, IgnoreMode, Stack
from aws_cdk import aws_glue as glue
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_s3_assets as assets
from aws_cdk import aws_ssm as ssm
from constructs import Construct

from stacks.parts.encryption import import_key
from stacks.parts.policies import arn, read_folder
from stacks.settings import Settings

GLUE_VERSION = "5.1"  # Spark 3.5, Python 3.11, NumPy 2.3
WORKER_TYPE = "G.1X"
# Glue has no scikit-learn, which raw text needs. A test compares it with requirements.txt.
SCIKIT_LEARN = "scikit-learn==1.9.1"
LOG_GROUPS = "/aws-glue/jobs/"  # the account's; Glue names the streams after runs
RUN_PREFIX = "jr_"  # how the ids of runs begin
# What a deployment needs of a prepared corpus; its documents stay in S3.
FETCHED = ("manifest.json", "vocab.txt", "golden.json", "left_out.txt")

_PROJECT = Path(__file__).parent.parent
PACKAGES = ("data_prep", "cli")


class PreparationStack(Stack):
    """A Glue job that reads a corpus from `source` and writes it, prepared, to the bucket.

    `python -m operations prepare` runs it. `bucket` and `key` are another stack's, or the name and
    ARN of existing ones.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        settings: Settings,
        source: str,
        bucket: s3.IBucket | str,
        key: kms.IKey | str | None,
        **props: Any,
    ) -> None:
        super().__init__(scope, id, description="Preparation of corpora", **props)
        self._settings = settings
        self._source = source
        self._bucket = (
            s3.Bucket.from_bucket_name(self, "Bucket", bucket)
            if isinstance(bucket, str)
            else bucket
        )
        self._key = import_key(self, key)
        self._data = f"{settings.prefix}/data"
        self._script = assets.Asset(self, "Script", path=str(_PROJECT / "data_prep/spark.py"))
        self._packages = _add_packages(self)
        self._job = self._add_job(self._add_role())
        CfnOutput(self, "PreparationJob", value=self._job.ref)
        policy = iam.ManagedPolicy(
            self,
            "PreparePolicy",
            description=f"Prepare corpora with the Glue job of {settings.name}",
            statements=self._permissions_to_prepare(),
        )
        CfnOutput(self, "PreparePolicyArn", value=policy.managed_policy_arn)
        self._add_parameter("preparation-job", self._job.ref)
        self._add_parameter("prepared-data", self._bucket.s3_url_for_object(self._data))

    def _add_role(self) -> iam.Role:
        """Add the job's role: it reads the source, and writes below `PREFIX/data/`."""
        statements = [
            *read_folder(self._source, "Source"),
            self._find_prepared_data(sid="FindPreparedData"),
            iam.PolicyStatement(
                sid="WritePreparedData",
                actions=["s3:GetObject", "s3:PutObject"],
                resources=[self._bucket.arn_for_objects(f"{self._data}/*")],
            ),
            _read_asset("ReadScript", self._script),
            _read_asset("ReadPackages", self._packages),
            iam.PolicyStatement(
                sid="WriteLogs",
                actions=["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                resources=[arn(self, "logs", "log-group:/aws-glue/*")],
            ),
            *self._use_of_key("kms:Decrypt", "kms:GenerateDataKey"),
        ]
        return iam.Role(
            self,
            "JobRole",
            description="Glue acts as this role to prepare a corpus",
            assumed_by=iam.ServicePrincipal(
                "glue.amazonaws.com",
                conditions={"StringEquals": {"aws:SourceAccount": self.account}},
            ),
            # Inline, so that the policy is attached before anything can use the role.
            inline_policies={"Glue": iam.PolicyDocument(statements=statements)},
        )

    def _add_job(self, role: iam.Role) -> glue.CfnJob:
        """Add the job.

        Not the CDK's `PySparkEtlJob`: it lets the role read the whole bucket of assets.
        """
        preparation = self._settings.preparation
        return glue.CfnJob(
            self,
            "Job",
            name=f"{self._settings.name}-preparation",
            description=f"Prepare a corpus from {self._source}",
            role=role.role_arn,
            command=glue.CfnJob.JobCommandProperty(
                name="glueetl", python_version="3", script_location=self._script.s3_object_url
            ),
            default_arguments={
                "--extra-py-files": self._packages.s3_object_url,
                "--additional-python-modules": SCIKIT_LEARN,
                "--corpus": self._source,
            },
            glue_version=GLUE_VERSION,
            worker_type=WORKER_TYPE,
            number_of_workers=preparation.workers,
            timeout=preparation.max_minutes,
            max_retries=0,
            execution_property=glue.CfnJob.ExecutionPropertyProperty(max_concurrent_runs=1),
        )

    def _permissions_to_prepare(self) -> list[iam.PolicyStatement]:
        """Allow running the job, reading its logs, and fetching what a deployment needs."""
        parameters = f"parameter/{self._settings.project}/{self._settings.env}"
        return [
            iam.PolicyStatement(
                actions=["glue:StartJobRun", "glue:GetJobRun", "glue:BatchStopJobRun"],
                resources=[arn(self, "glue", f"job/{self._job.ref}")],
            ),
            iam.PolicyStatement(
                actions=["logs:GetLogEvents"],
                # No job of ours is in a stream's name, only the run's id.
                resources=[
                    arn(self, "logs", f"log-group:{LOG_GROUPS}{name}:log-stream:{RUN_PREFIX}*")
                    for name in ("error", "output")
                ],
            ),
            iam.PolicyStatement(
                actions=["s3:GetObject"],
                resources=[
                    self._bucket.arn_for_objects(f"{self._data}/*/{name}") for name in FETCHED
                ],
            ),
            self._find_prepared_data(),
            iam.PolicyStatement(
                actions=["ssm:GetParameter"],
                resources=[
                    arn(self, "ssm", f"{parameters}/{name}")
                    for name in ("preparation-job", "prepared-data")
                ],
            ),
            *self._use_of_key("kms:Decrypt"),
        ]

    def _find_prepared_data(self, sid: str | None = None) -> iam.PolicyStatement:
        return iam.PolicyStatement(
            sid=sid,
            actions=["s3:ListBucket"],
            resources=[self._bucket.bucket_arn],
            conditions={"StringLike": {"s3:prefix": [f"{self._data}/*"]}},
        )

    def _use_of_key(self, *actions: str) -> list[iam.PolicyStatement]:
        if self._key is None:
            return []
        return [iam.PolicyStatement(actions=[*actions], resources=[self._key.key_arn])]

    def _add_parameter(self, name: str, value: str) -> None:
        settings = self._settings
        ssm.StringParameter(
            self,
            "".join(word.capitalize() for word in name.split("-")) + "Parameter",
            parameter_name=f"/{settings.project}/{settings.env}/{name}",
            string_value=value,
        )


def _add_packages(scope: Construct) -> assets.Asset:
    """Add the archive of the packages that the job imports, without what they don't need."""
    kept = [f"!{name}" for package in PACKAGES for name in (package, f"{package}/**")]
    return assets.Asset(
        scope,
        "Packages",
        path=str(_PROJECT),
        exclude=["*", *kept, "__pycache__", "*.md"],
        ignore_mode=IgnoreMode.GIT,
    )


def _read_asset(sid: str, asset: assets.Asset) -> iam.PolicyStatement:
    return iam.PolicyStatement(
        sid=sid,
        actions=["s3:GetObject"],
        resources=[asset.bucket.arn_for_objects(asset.s3_object_key)],
    )
