import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse

from local_aws.lda_image.configuration import Hyperparameters
from stacks.lda import hyperparameters
from stacks.settings import Settings, SettingsError, load
from stacks.settings.contradictions import WITH_DISKS
from topics.lda.moments import SpectralError
from topics.lda.spectral import fit

DEV = {"environments": {"dev": {}, "prod": {"retain_data": True, "model": {"num_topics": 30}}}}


def problem_of(**context: Any) -> str:
    with pytest.raises(SettingsError) as caught:
        load(DEV | context)
    return str(caught.value)


def test_the_defaults_are_the_notebooks() -> None:
    settings = load(DEV)
    assert settings.model.num_topics == 10
    assert settings.model.alpha0 == 1.0
    assert settings.prefix == "sagemaker/lda-model"
    assert settings.training.instance_type == "ml.c4.2xlarge"
    assert settings.endpoint.instance_type == "ml.m4.xlarge"
    assert settings.endpoint.instance_count == 1
    assert settings.bucket is None
    assert settings.role is None


def test_env_chooses_the_environment() -> None:
    assert load(DEV | {"env": "prod"}).model.num_topics == 30
    assert load(DEV | {"env": "prod"}).name == "topic-model-prod"


def test_a_single_value_on_the_command_line_wins_over_the_environments() -> None:
    settings = load(DEV | {"env": "prod", "model.num_topics": "20"})
    assert settings.model.num_topics == 20
    assert settings.retain_data


def test_a_dotted_key_overrides_inside_a_group_and_leaves_its_other_values() -> None:
    context = {"environments": {"dev": {"endpoint": {"instance_count": 3}}}}
    settings = load(context | {"endpoint.instance_type": "ml.m5.large"})
    assert settings.endpoint.instance_type == "ml.m5.large"
    assert settings.endpoint.instance_count == 3


def test_the_cdks_own_context_is_no_setting() -> None:
    own = {
        "aws:cdk:bundling-stacks": ["**"],
        "@aws-cdk/core:checkSecretUsage": True,
        "@aws-cdk/aws-ec2.securityGroupDisableInlineRules": True,
        "@aws-cdk/core.TreeMetadata:maxNodes": 9,
        "@aws-cdk/core:target-partitions": ["aws"],
        "@aws-cdk-containers/ecs-service-extensions:enableDefaultLogDriver": True,
        "@aws-cdk/aws-cloudfront:defaultSecurityPolicyTLSv1.2_2021": True,
        "aws-cdk:enableDiffNoFail": True,
        "acknowledged-issue-numbers": [1],
        "cli-telemetry": False,
        "availability-zones:account=111122223333:region=us-east-1": ["us-east-1a"],
        "vpc-provider:account=111122223333:filter.vpc-id=vpc-1:region=us-east-1": {},
        "plugin:name=x": 1,
    }
    assert load(DEV | own) == load(DEV)


def test_an_environment_that_is_no_object_is_refused() -> None:
    with pytest.raises(SettingsError, match=r"environments\.dev is 'x'; an object is needed"):
        load({"environments": {"dev": "x"}})


def test_an_undeclared_environment_is_refused_with_those_there_are() -> None:
    assert "'test'" in (message := problem_of(env="test"))
    assert "dev, prod" in message


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("num-topics", "model.num_topics"),
        ("num_topcs", "model.num_topics"),
        ("Num_Topics", "model.num_topics"),
        ("'num topics'", "model.num_topics"),
        ("' num_topics'", "model.num_topics"),
        ("retain-data", "retain_data"),
        ("'endpoint.enabled '", "endpoint.enabled"),
        ("'endpoint:enabled'", "endpoint.enabled"),
        ("'training/spot'", "training.spot"),
        ("endpoint.instance-type", "endpoint.instance_type"),
        ("endpoint.enabled.x", "endpoint.enabled"),
        ("'@num_topics'", "model.num_topics"),
        ("alpha0", "model.alpha0"),
        ("revision", "model.revision"),
        ("tol", "model.tol"),
        ("spot", "training.spot"),
        ("'aws-cdk:num_topics'", None),
        ("'ssm:account'", "account"),
        ("environemnts", "environments"),
        ("'endpoint.en\\u0430bled'", "endpoint.enabled"),
        ("'env '", "env"),
        ("default", "defaults"),
        ("endpoint.instance", "endpoint.instance_type or endpoint.instance_count"),
    ],
)
def test_a_key_that_is_no_setting_is_refused_with_the_nearest(key: str, meant: str | None) -> None:
    message = problem_of(**{key.strip("'").replace("\\u0430", "\u0430"): "1"})
    assert message.startswith(f"{key} is not a setting; ")
    assert meant is None or message == f"{key} is not a setting; did you mean {meant}?"


def test_a_key_that_is_like_none_is_refused_with_those_there_are() -> None:
    assert problem_of(foo="bar").startswith("foo is not a setting; these are: project, owner, ")
    assert problem_of(**{"endpoint.q": "1"}) == (
        "endpoint.q is not a setting; these are: enabled, instance_type, instance_count, "
        "capture_percent"
    )


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ({"num-topics": 5}, 'environments.dev: num-topics is not a setting; did you mean "mod'),
        ({"endpoint": {"enable": 1}}, "environments.dev: endpoint.enable is not a setting; did yo"),
        ({"env": "prod"}, "environments.dev: env is not a setting; "),
        (
            {"endpoint.enabled": False},
            (
                'environments.dev: "endpoint.enabled" is written as a group here: '
                '"endpoint": {"enabled": ...}'
            ),
        ),
    ],
)
def test_a_wrong_key_of_an_environment_is_told_with_its_place(
    own: dict[str, Any], problem: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load({"environments": {"dev": own}})
    assert str(caught.value).startswith(problem)


def test_a_wrong_key_of_a_group_beside_the_environments_is_told_by_its_own_name() -> None:
    assert problem_of(model={"numtopics": 5}) == (
        'model.numtopics is not a setting; did you mean "model": {"num_topics": ...}?'
    )


def test_a_wrong_key_beside_the_environments_is_told_before_that_there_are_none() -> None:
    with pytest.raises(SettingsError, match=r"^enviroments is not a setting; did you mean env"):
        load({"enviroments": {"dev": {}}})


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("model.num_topics", "0"),
        ("model.num_topics", "ten"),
        ("model.num_topics", "151"),
        ("model.alpha0", "100000"),
        ("model.alpha0", "1e-7"),
        ("model.alpha0", "-1"),
        ("model.alpha0", "inf"),
        ("model.tol", "0"),
        ("prefix", "/lda/"),
        ("prefix", "*"),
        ("prefix", "p" * 201),
        ("prepared", "build\0prepared"),
        ("prepared", "build/\ud800"),
        ("model.max_restarts", "9" * 20),
        ("model.max_iterations", "1000000001"),
        ("scaling.invocations_per_minute", "1e300"),
        ("alarms.latency_ms", "nan"),
        ("alarms.server_errors", "9" * 20),
        ("permissions_boundary", "arn:aws:iam::google:policy/Bound"),
        ("notices", "mailto:a@example.com"),
        ("notices", "a,b@example.com"),
        ("notices", ".a@example.com"),
        ("notices", "a@-example.com"),
        ("notices", "a@example.c"),
        ("notices", "a@192.0.2.10"),
        ("prefix", "team/l*a"),
        ("prefix", "."),
        ("prefix", "team/../lda"),
        ("prefix", "team/.lda"),
        ("prefix", "te?m"),
        ("prefix", "${aws:username}"),
        ("pipeline.source", "s3://corpora/../nyt"),
        ("role", "LdaRole"),
        ("bucket", "Not_A_Bucket"),
        ("bucket", "a..b"),
        ("bucket", "a.-b"),
        ("bucket", "192.168.5.4"),
        ("bucket", "xn--bucket"),
        ("bucket", "bucket-s3alias"),
        ("bucket", "bucket--x-s3"),
        ("role", "arn:aws:iam::111122223333:role/"),
        ("role", "arn:aws:iam::111122223333:role/team/"),
        ("role", "arn:aws:iam::111122223333:role/team//Role"),
        ("role", "arn:aws:iam::111122223333:role/Rolé"),
        ("role", f"arn:aws:iam::111122223333:role/{'r' * 65}"),
        ("permissions_boundary", "b" * 129),
        ("permissions_boundary", "Böund"),
        ("account", "\u0661" * 12),
        ("account", "111122223333\n"),
        ("project", "topics-"),
        ("repository", "a/ü"),
        ("notices", "jörg@example.com"),
        ("encryption_key", "arn:aws:kms:us-east-1:111122223333:key/"),
        ("endpoint.instance_type", "ml.m5.größe"),
        ("account", "1234"),
        ("region", "Frankfurt"),
        ("project", "Topic Model"),
        ("training.instance_type", "c4.2xlarge"),
        ("training.max_runtime_minutes", "100000"),
        ("endpoint.instance_count", "0"),
        ("endpoint", "big"),
        ("endpoint.enabled", "perhaps"),
        ("endpoint.capture_percent", "101"),
        ("updates.strategy", "slowly"),
        ("updates.step_percent", "51"),
        ("updates.wait_seconds", "3601"),
        ("scaling.min_instances", "0"),
        ("scaling.max_instances", "0"),
        ("scaling.invocations_per_minute", "0"),
        ("serverless.memory_mb", "1000"),
        ("serverless.memory_mb", "7168"),
        ("serverless.max_concurrency", "201"),
        ("network.vpc", "mine"),
        ("alarms.idle_hours", "169"),
        ("alarms.latency_ms", "0"),
        ("encryption_key", "alias/mine"),
        ("pipeline.connection", "arn:aws:codestar:us-east-1:111122223333:connection/1"),
        ("pipeline.source", "s3://corpora"),
        ("pipeline.source", "s3://cor..pora/nyt"),
        ("pipeline.source", "s3://corpora-s3alias/nyt"),
        ("pipeline.source", "s3://corpora/a b"),
        ("pipeline.source", "s3://corpora/$(id)"),
        ("preparation.source", "s3://corpora"),
        ("preparation.source", "s3://corpora/n*ws"),
        ("preparation.source", "/home/me/news"),
        ("preparation.workers", "1"),
        ("preparation.workers", "101"),
        ("preparation.max_minutes", "0"),
        ("preparation.max_minutes", "10081"),
        ("pipeline.branch", "main;id"),
        ("pipeline.corpus", "../corpus.txt"),
        ("pipeline.vocab", "-"),
        ("commit", "main"),
        ("notices", "yes"),
    ],
)
def test_a_wrong_value_is_refused_with_key_value_and_what_is_allowed(key: str, value: str) -> None:
    message = problem_of(**{key: value})
    assert message.startswith(f"{key} is {value!r}; ")
    assert len(message.splitlines()) == 1


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("bucket", "my-bucket.of.2026"),
        ("bucket", "a1b"),
        ("role", "arn:aws-cn:iam::111122223333:role/service-role/team.a/Role_1+=,.@-"),
        ("permissions_boundary", "team/Bound"),
        ("permissions_boundary", "arn:aws:iam::aws:policy/PowerUserAccess"),
        ("prepared", "build/\u8a71 \U0001f600"),
        ("prefix", "p" * 200),
        ("notices", "o'brien+a_b@ex-ample.co.uk"),
        ("notices", "first.last+topics@mail.example.co.uk"),
        ("encryption_key", "arn:aws:kms:eu-west-1:111122223333:key/mrk-1234abcd"),
        ("endpoint.instance_type", "ml.m5.24xlarge"),
        ("model.num_topics", "150"),
        ("model.alpha0", "10000"),
        ("model.alpha0", "1e-6"),
    ],
)
def test_what_aws_takes_is_taken(key: str, value: str) -> None:
    load(DEV | {key: value})


def test_the_image_takes_what_settings_allow_of_the_model(tmp_path: Path) -> None:
    """At its limits; what is beyond them is refused above."""
    for name, value in {"num_topics": 150, "alpha0": 1e4, "max_restarts": 1, "tol": 1e-300}.items():
        settings = load(DEV | {f"model.{name}": value})
        given = hyperparameters(
            num_topics=settings.model.num_topics,
            feature_dim=9,
            mini_batch_size=9,
            alpha0=settings.model.alpha0,
            max_restarts=settings.model.max_restarts,
            max_iterations=settings.model.max_iterations,
            tol=settings.model.tol,
        )
        file = tmp_path / f"{name}.json"
        file.write_text(json.dumps(given))
        assert getattr(Hyperparameters.load(file), name) == value


@pytest.mark.parametrize("alpha0", [1e-6, 1e4])
def test_the_engine_takes_alpha0_to_the_limits_of_the_settings_and_not_beyond(
    alpha0: float,
) -> None:
    beyond = alpha0 / 2 if alpha0 < 1 else alpha0 * 2
    problem_of(**{"model.alpha0": str(beyond)})
    load(DEV | {"model.alpha0": str(alpha0)})
    assert "alpha0 is" in refusal(beyond)
    assert "alpha0 is" not in refusal(alpha0)


def refusal(alpha0: float) -> str:
    """What the engine says against a model of a few words."""
    try:
        fit(sparse.csr_array(np.ones((9, 4), np.float32)), 1, alpha0=alpha0)
    except SpectralError as error:
        return str(error)
    return ""


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("endpoint.capture_percent", True, "true; should be a number"),
        ("updates.wait_seconds", False, "false; should be a number"),
        ("model.alpha0", True, "true; should be a number"),
        ("endpoint", False, "false; an object is needed"),
        ("network.subnets", 5, "5; a list is needed"),
        ("env", None, "null; cdk.json's context.environments declares: dev, prod"),
        ("defaults", None, "null; an object is needed"),
        ("pipeline.environments", [], "[]; should have at least 1 item after validation, not 0"),
    ],
)
def test_a_value_of_another_type_is_refused_in_the_words_of_json(
    key: str, value: object, shown: str
) -> None:
    assert problem_of(**{key: value}) == f"{key} is {shown}"


def test_every_wrong_value_has_a_line_of_its_own() -> None:
    assert len(problem_of(**{"model.num_topics": "0", "model.alpha0": "0"}).splitlines()) == 2


def test_names_of_environments_stay_short_enough_for_job_names() -> None:
    longest = Settings(env="e" * 20, project="p" * 20)
    fingerprint, nonce = 12, 8
    assert len(longest.name) + 1 + fingerprint + 1 + nonce <= 63


def test_a_list_is_given_with_commas_or_as_a_list() -> None:
    network = {"network.vpc": "vpc-00000001"}
    given = load(DEV | network | {"network.subnets": "subnet-00000001,subnet-00000002"})
    assert given.network.subnets == ("subnet-00000001", "subnet-00000002")
    nested = {"vpc": "vpc-00000001", "subnets": ["subnet-00000001", "subnet-00000003"]}
    assert load({"environments": {"dev": {"network": nested}}}).network.subnets == (
        "subnet-00000001",
        "subnet-00000003",
    )


def test_a_wrong_value_of_a_list_is_told_with_its_place() -> None:
    message = problem_of(**{"network.vpc": "vpc-00000001", "network.subnets": "a"})
    assert message.startswith("network.subnets.0 is 'a'; ")


@pytest.mark.parametrize(
    ("strategy", "count", "seconds"),
    [("all_at_once", 1, 0), ("canary", 2, 300), ("linear", 2, 300), ("rolling", 2, 300)],
)
def test_alarms_watch_each_step_for_five_minutes_but_for_all_at_once(
    strategy: str, count: int, seconds: int
) -> None:
    chosen = {"updates.strategy": strategy, "endpoint.instance_count": str(count)}
    assert load(DEV | chosen).wait_seconds == seconds
    assert load(DEV | chosen | {"updates.wait_seconds": "180"}).wait_seconds == 180


def test_what_can_be_isolated_is() -> None:
    assert load(DEV).isolated
    assert not load(DEV | {"network.isolation": "false"}).isolated
    assert not load(DEV | {"serverless.memory_mb": "1024"}).isolated


SERVERLESS = {"serverless.memory_mb": "1024"}
SCALED = {"scaling.max_instances": "3", "scaling.instance_type": "ml.m4.xlarge"}
CONNECTION = "arn:aws:codeconnections:us-east-1:111122223333:connection/1234abcd-12ab-34cd-56ef"
KEY = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (
            {"updates.strategy": "canary"},
            (
                "updates.strategy is 'canary' but endpoint.instance_count is 1; moving traffic in"
                " steps needs 2 instances or more"
            ),
        ),
        (
            {"updates.strategy": "linear", "endpoint.instance_count": "2", **SCALED},
            (
                "updates.strategy is 'linear' but scaling.min_instances is 1; moving traffic in "
                "steps needs 2 instances or more"
            ),
        ),
        (
            {
                "updates.strategy": "linear",
                "updates.step_percent": "9",
                "endpoint.instance_count": "2",
            },
            "updates.step_percent is 9; with the strategy 'linear' it must be 10 to 50",
        ),
        (
            {
                "updates.strategy": "rolling",
                "updates.step_percent": "4",
                "endpoint.instance_count": "2",
            },
            "updates.step_percent is 4; with the strategy 'rolling' it must be 5 to 50",
        ),
        (
            {**SCALED, "scaling.min_instances": "2"},
            (
                "endpoint.instance_count is 1; it must be between scaling.min_instances, 2, and "
                "scaling.max_instances, 3"
            ),
        ),
        (
            {**SCALED, "endpoint.instance_count": "4"},
            (
                "endpoint.instance_count is 4; it must be between scaling.min_instances, 1, and "
                "scaling.max_instances, 3"
            ),
        ),
        (
            {
                "scaling.max_instances": "3",
                "scaling.instance_type": "ml.t2.medium",
                "endpoint.instance_type": "ml.t2.medium",
            },
            (
                "endpoint.instance_type is 'ml.t2.medium'; SageMaker does not scale burstable "
                "instances: choose another type, or remove scaling.max_instances"
            ),
        ),
        (
            {**SCALED, "endpoint.instance_type": "ml.m5.large"},
            (
                "endpoint.instance_type is 'ml.m5.large' but scaling.instance_type is "
                "'ml.m4.xlarge'; SageMaker can't change the type of a scaled endpoint. To switch "
                "scaling on, set both to the same type. To change the type, deploy once without "
                "scaling.max_instances, then with the new type in both"
            ),
        ),
        (
            {**SERVERLESS, **SCALED},
            (
                "serverless.memory_mb is 1024; a serverless endpoint does not support "
                "scaling.max_instances: remove one of the two"
            ),
        ),
        (
            {**SERVERLESS, "updates.wait_seconds": "1"},
            (
                "serverless.memory_mb is 1024; a serverless endpoint does not support "
                "updates.wait_seconds: remove one of the two"
            ),
        ),
        (
            {**SERVERLESS, "endpoint.capture_percent": "1"},
            (
                "serverless.memory_mb is 1024; a serverless endpoint does not support "
                "endpoint.capture_percent: remove one of the two"
            ),
        ),
        (
            {**SERVERLESS, "network.vpc": "vpc-00000001", "network.subnets": "subnet-00000001"},
            (
                "serverless.memory_mb is 1024; a serverless endpoint does not support "
                "network.vpc: remove one of the two"
            ),
        ),
        (
            {**SERVERLESS, "network.isolation": "true"},
            (
                "serverless.memory_mb is 1024; a serverless endpoint does not support "
                "network.isolation: remove one of the two"
            ),
        ),
        (
            {"network.vpc": "vpc-00000001"},
            (
                "network.subnets names 0 of vpc-00000001; an endpoint needs 2 or more, in "
                "different Availability Zones; without an endpoint 1 is enough"
            ),
        ),
        (
            {"network.vpc": "vpc-00000001", "network.subnets": "subnet-00000001"},
            (
                "network.subnets names 1 of vpc-00000001; an endpoint needs 2 or more, in "
                "different Availability Zones; without an endpoint 1 is enough"
            ),
        ),
        (
            {"updates.wait_seconds": "179"},
            (
                "updates.wait_seconds is 179, too short for alarms to see the new model, since "
                "they look at whole minutes: set it to 0 (alarms do not watch) or 180 to 3600"
            ),
        ),
        (
            {
                "updates.strategy": "canary",
                "updates.wait_seconds": "0",
                "endpoint.instance_count": "2",
            },
            (
                "updates.wait_seconds is 0, too short for alarms to see the new model, since they"
                " look at whole minutes: set it to 180 to 3600"
            ),
        ),
        (
            {
                "updates.strategy": "linear",
                "updates.step_percent": "10",
                "updates.wait_seconds": "3600",
                "endpoint.instance_count": "2",
            },
            (
                "updates.wait_seconds is 3600 and updates.step_percent is 10; an update would "
                "wait 39600 s, but SageMaker ends it after 28800 s: choose a shorter wait or "
                "larger steps"
            ),
        ),
        (
            {
                "updates.strategy": "rolling",
                "updates.step_percent": "5",
                "updates.wait_seconds": "1440",
                "endpoint.instance_count": "20",
            },
            (
                "updates.wait_seconds is 1440 and updates.step_percent is 5; an update would wait"
                " 28800 s, but SageMaker ends it after 28800 s: choose a shorter wait or larger "
                "steps"
            ),
        ),
        (
            {"network.security_groups": "sg-00000001"},
            (
                "network.subnets or network.security_groups is set but network.vpc is not; set "
                "the VPC that they are in"
            ),
        ),
        (
            {"encryption_key": "create", "bucket": "mine"},
            (
                "encryption_key is 'create' but bucket is 'mine', which exists and has its own "
                "key; set encryption_key to that key's ARN"
            ),
        ),
        (
            {"encryption_key": KEY, "endpoint.instance_type": "ml.c5d.large"},
            (
                "endpoint.instance_type is 'ml.c5d.large', whose local disks can't use "
                "encryption_key; choose a type without local disks, such as ml.m5.xlarge"
            ),
        ),
        (
            {"pipeline.connection": CONNECTION, "repository": "a/b"},
            "pipeline.connection is set but pipeline.source is not; a pipeline needs both",
        ),
        (
            {"pipeline.connection": CONNECTION, "pipeline.source": "s3://corpora/nyt"},
            "pipeline.connection is set but repository is not; a pipeline needs both",
        ),
        (
            {
                "pipeline.connection": CONNECTION,
                "pipeline.source": "s3://corpora/nyt",
                "repository": "a/b",
                "pipeline.environments": "dev,prod,dev",
            },
            "pipeline.environments is dev, prod, dev; name each only once",
        ),
        (
            {
                "network.vpc": "vpc-00000001",
                "network.subnets": "subnet-00000001,subnet-00000002,subnet-00000001",
            },
            (
                "network.subnets is subnet-00000001, subnet-00000002, subnet-00000001; name each "
                "only once"
            ),
        ),
        (
            {"encryption_key": KEY, "region": "eu-west-1"},
            (
                "encryption_key is a key in us-east-1 but region is 'eu-west-1'; S3 and SageMaker"
                " need a key in their own Region: give one in eu-west-1"
            ),
        ),
        (
            {"role": f"arn:aws:iam::{'9' * 12}:role/Lda", "account": "111122223333"},
            (
                "role is of the account 999999999999 but account is '111122223333'; IAM allows only"
                " one of the same account: name one of 111122223333"
            ),
        ),
        (
            {
                "permissions_boundary": f"arn:aws:iam::{'9' * 12}:policy/Bound",
                "account": "111122223333",
            },
            (
                "permissions_boundary is of the account 999999999999 but account is "
                "'111122223333'; IAM allows only one of the same account: name one of 111122223333"
            ),
        ),
        (
            {"project": "amzn-s3-demo"},
            (
                "project is 'amzn-s3-demo'; the bucket is named after it, and S3 reserves names "
                "that begin with xn-- or sthree- or amzn-s3-demo-: choose another name"
            ),
        ),
        (
            {"project": "aws-topics"},
            (
                "project is 'aws-topics'; SSM parameters are named after it, and their names must"
                " not begin with aws or ssm: choose another name"
            ),
        ),
    ],
)
def test_settings_that_contradict_each_other_are_refused_with_what_is_allowed(
    settings: dict[str, str], problem: str
) -> None:
    assert problem_of(**settings) == problem


def test_serverless_in_steps_is_refused_twice_over() -> None:
    message = problem_of(**SERVERLESS, **{"updates.strategy": "canary"})
    assert len(message.splitlines()) == 2
    assert "does not support updates.strategy other than all_at_once" in message


@pytest.mark.parametrize("instance_type", ["ml.m5d.large", "ml.c5d.xlarge", "ml.r5d.2xlarge"])
def test_types_with_disks_of_their_own_are_known(instance_type: str) -> None:
    assert WITH_DISKS.match(instance_type)


@pytest.mark.parametrize("instance_type", ["ml.m4.xlarge", "ml.c6i.large", "ml.t2.medium"])
def test_types_without_disks_are_not_taken_for_such(instance_type: str) -> None:
    assert not WITH_DISKS.match(instance_type)
