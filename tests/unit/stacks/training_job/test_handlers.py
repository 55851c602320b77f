"""The functions of `TrainingJob` against stand-ins of S3, SageMaker, Logs and the signal."""

import json
import os
from typing import Any

import pytest
from botocore.exceptions import ClientError

from stacks.training_job.construct import START_TIMEOUT
from stacks.training_job.handlers import (
    crashed,
    denials,
    finish,
    interfaces,
    jobs,
    models,
    signals,
    start,
)
from stacks.training_job.handlers.denials import StartError
from tests.support.training_job_world import (
    ARTIFACT,
    FINGERPRINT,
    HANDLE,
    IDENTITY,
    S3,
    VPC,
    WAIT,
    SageMaker,
    Stacks,
    World,
    error,
    event,
    job_request,
)


def deny_each_first_call(world: World, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Let every operation be denied when it is called first; the names of those called."""
    called: set[str] = set()

    def deny(client: Any, name: str, code: str) -> None:
        original = getattr(client, name)

        def act(*arguments: Any, **request: Any) -> Any:
            if name not in called:
                called.add(name)
                raise error(code, f"not authorized to perform {name}")
            return original(*arguments, **request)

        monkeypatch.setattr(client, name, act)

    for client, code in (
        (S3, "AccessDenied"),
        (SageMaker, "AccessDeniedException"),
        (Stacks, "AccessDenied"),
    ):
        for name in vars(client).copy():
            if not name.startswith("__") and name not in ("exceptions", "_tags", "get_paginator"):
                deny(client, name, code)
    return called


def attach(world: World, description: str, seconds: float, status: str) -> None:
    """An interface in the job's subnets that goes after so many seconds of sleep."""
    world.interfaces = [{"NetworkInterfaceId": "eni-1", "Description": description}]
    world.interfaces_go_after = seconds
    world.stack_status = status


@pytest.fixture
def in_vpc(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    job = json.loads(os.environ["REQUEST"]) | {"VpcConfig": VPC}
    monkeypatch.setenv("REQUEST", json.dumps(job))


class TestStart:
    def test_create_stages_the_data_and_starts_one_job(self, world: World) -> None:
        answer = start.handler(event("Create"), None)
        assert answer == {"PhysicalResourceId": IDENTITY}
        assert world.objects["bucket", "lda/data/1/train"] == "training data"
        (name,) = world.jobs
        assert name.startswith(f"{IDENTITY}-")
        assert world.signals == []

    def test_the_request_is_the_functions_own_whatever_the_event_says(self, world: World) -> None:
        forged = event("Create")
        forged["ResourceProperties"]["Request"] = '{"RoleArn": "mine", "Tags": []}'
        start.handler(forged, None)
        (job,) = world.jobs.values()
        assert job["OutputDataConfig"] == json.loads(job_request())["OutputDataConfig"]
        assert "RoleArn" not in job

    def test_a_published_model_is_signalled_at_once_and_not_trained(self, world: World) -> None:
        world.objects["bucket", ARTIFACT] = "model"
        start.handler(event("Update"), None)
        assert world.jobs == {}
        assert world.signals == [(HANDLE, IDENTITY, None, "none")]

    def test_a_model_whose_address_only_begins_so_does_not_count(self, world: World) -> None:
        world.objects["bucket", f"{ARTIFACT}.old"] = "model"
        start.handler(event("Create"), None)
        assert len(world.jobs) == 1

    def test_the_same_request_again_starts_no_second_job(self, world: World) -> None:
        start.handler(event("Create"), None)
        start.handler(event("Create"), None)
        assert len(world.jobs) == 1

    def test_the_same_request_twice_at_the_same_time_starts_one_job(self, world: World) -> None:
        """Both find none; the second to ask SageMaker is refused by the name."""

        def overtake() -> None:
            world.before_create = lambda: None
            start.handler(event("Create"), None)

        world.before_create = overtake
        start.handler(event("Create"), None)
        assert len(world.jobs) == 1

    def test_the_same_request_after_its_job_has_failed_starts_no_second_job(
        self, world: World
    ) -> None:
        """Its name is taken; the failure was signalled when the job ended."""
        start.handler(event("Create"), None)
        world.end(next(iter(world.jobs)), "Failed")
        start.handler(event("Create"), None)
        assert len(world.jobs) == 1

    def test_a_running_job_of_the_fingerprint_is_adopted(self, world: World) -> None:
        start.handler(event("Create", "request-1"), None)
        start.handler(event("Create", "request-2"), None)
        assert len(world.jobs) == 1
        assert world.signals == []

    def test_a_failed_job_is_not_adopted(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start.handler(event("Create", "request-1"), None)
        world.end(next(iter(world.jobs)), "Failed")
        monkeypatch.setenv("WAIT_HANDLE", "https://signals/second")
        start.handler(event("Create", "request-2"), None)
        assert len(world.jobs) == 2

    def test_a_completed_job_that_was_never_published_is_not_paid_for_again(
        self, world: World
    ) -> None:
        start.handler(event("Create", "request-1"), None)
        (name,) = world.jobs
        world.end(name, "Completed")
        start.handler(event("Create", "request-2"), None)
        assert list(world.jobs) == [name]
        assert world.objects["bucket", ARTIFACT] == f"model of {name}"
        assert world.signals == [(HANDLE, name, None, "none")]

    @pytest.mark.parametrize("status", ["InProgress", "Completed"])
    def test_a_job_of_an_environment_that_was_destroyed_is_not_adopted(
        self, world: World, monkeypatch: pytest.MonkeyPatch, status: str
    ) -> None:
        """Its name and fingerprint are the same; its bucket is gone, or nobody may look into it."""
        start.handler(event("Create", "request-1"), None)
        (former,) = world.jobs
        world.jobs[former] |= {
            "TrainingJobStatus": status,
            "OutputDataConfig": {"S3OutputPath": f"s3://former/lda/jobs/{FINGERPRINT}"},
            "ModelArtifacts": {"S3ModelArtifacts": "s3://former/model.tar.gz"},
        }
        listing = S3.list_objects_v2

        def deny(client: S3, Bucket: str, **request: Any) -> Any:  # noqa: N803
            if Bucket == "former":
                raise error("AccessDenied", "no s3:ListBucket")
            return listing(client, Bucket, **request)

        monkeypatch.setattr(S3, "list_objects_v2", deny)
        monkeypatch.setenv("WAIT_HANDLE", "https://signals/second")
        start.handler(event("Create", "request-2"), None)
        assert len(world.jobs) == 2
        assert world.slept == []

    @pytest.mark.parametrize("status", ["Failed", "Stopped", "Completed"])
    def test_an_adopted_job_that_failed_is_told_again_and_not_followed_by_another(
        self, world: World, monkeypatch: pytest.MonkeyPatch, status: str
    ) -> None:
        """When the request comes twice; a deployment has one job."""
        start.handler(event("Create", "request-1"), None)
        (name,) = world.jobs
        monkeypatch.setenv("WAIT_HANDLE", "https://signals/second")
        start.handler(event("Create", "request-2"), None)
        world.end(name, status)
        world.objects = {("staging", "train"): "training data"}  # and no model
        start.handler(event("Create", "request-2"), None)
        assert list(world.jobs) == [name]
        ((handle, sender, failure, _),) = world.signals
        assert (handle, sender) == ("https://signals/second", name)
        assert failure is not None

    def test_a_completed_job_that_left_no_model_is_not_adopted(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else no deployment of these inputs would ever succeed again."""
        start.handler(event("Create", "request-1"), None)
        (name,) = world.jobs
        world.end(name, "Completed")
        world.objects = {("staging", "train"): "training data"}
        monkeypatch.setenv("WAIT_HANDLE", "https://signals/second")
        start.handler(event("Create", "request-2"), None)
        assert len(world.jobs) == 2

    def test_a_policy_of_the_functions_own_that_is_not_known_yet_is_waited_for(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """It names the data by its digest, so it has changed seconds before."""
        head, denials = S3.head_object, [error("AccessDenied", "no"), error("403", "Forbidden")]

        def head_object(*arguments: Any, **request: Any) -> Any:
            if denials:
                raise denials.pop()
            return head(*arguments, **request)

        monkeypatch.setattr(S3, "head_object", head_object)
        start.handler(event("Create"), None)
        assert world.slept == [1, 2]
        assert len(world.jobs) == 1
        world.objects["bucket", ARTIFACT] = "model"
        denials.append(error("403", "Forbidden"))
        start.handler(event("Update"), None)
        assert world.signals == [(HANDLE, IDENTITY, None, "none")]

    @pytest.mark.parametrize(
        "message",
        [
            "Could not assume role arn:aws:iam::1:role/R.",
            "Access denied to OutputDataConfig S3 bucket: b",
            "Unauthorized to List objects under S3 URL: s3://b/k",
            "no identity-based policy allows the s3:ListBucket action",
            (
                'No S3 objects found under S3 URL "s3://b/k/" given in input data source. Please '
                'ensure that the role "arn:aws:iam::1:role/R" has "s3:ListBucket" permissions.'
            ),
        ],
    )
    def test_a_role_that_sagemaker_does_not_know_yet_is_waited_for(
        self, world: World, message: str
    ) -> None:
        race = error("ValidationException", message)
        world.errors = [race, race]
        start.handler(event("Create"), None)
        assert len(world.jobs) == 1
        assert world.slept == [1, 2]

    def test_a_role_that_stays_unknown_is_reported_within_the_bound(self, world: World) -> None:
        world.errors = [error("ValidationException", "Access denied to output bucket b")] * 20
        with pytest.raises(StartError, match=r"Access denied to output bucket b \(tried for"):
            start.handler(event("Create"), None)
        assert denials.PERMISSION_SECONDS - 10 <= sum(world.slept) <= denials.PERMISSION_SECONDS

    def test_a_quota_is_named_with_its_value_and_where_to_ask_for_more(self, world: World) -> None:
        said = (
            "The account-level service limit 'ml.c4.2xlarge for training job usage' is 0 Instances"
        )
        world.errors = [error("ResourceLimitExceeded", f"{said}, with current utilization of 0.")]
        with pytest.raises(StartError) as caught:
            start.handler(event("Create"), None)
        told = str(caught.value)
        assert "The quota 'ml.c4.2xlarge for training job usage' is 0 in us-east-1" in told
        assert "/servicequotas/home/services/sagemaker/quotas" in told
        assert world.slept == []

    @pytest.mark.parametrize("kind", ["Create", "Update", "Delete"])
    def test_every_call_with_a_permission_that_is_seconds_old_is_made_again(
        self, world: World, monkeypatch: pytest.MonkeyPatch, kind: str
    ) -> None:
        """A new fingerprint changes the ARNs in the function's policy just before it runs."""
        start.handler(event("Create", "request-0"), None)
        called = deny_each_first_call(world, monkeypatch)
        adopting = event(kind) | {"PhysicalResourceId": IDENTITY}
        start.handler(adopting, None)
        assert world.running(IDENTITY) == ([] if kind == "Delete" else list(world.jobs))
        world.jobs.clear()
        called.clear()
        start.handler(event(kind, "request-2") | {"PhysicalResourceId": IDENTITY}, None)
        assert len(world.running(IDENTITY)) == (kind != "Delete")
        assert world.slept

    def test_a_permission_that_stays_away_is_told_within_the_bound(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        denied = "because no identity-based policy allows the sagemaker:CreateTrainingJob action"
        world.errors = [error("AccessDeniedException", denied)] * 1000
        with pytest.raises(StartError, match=r"CreateTrainingJob action \(tried for 120 s\)"):
            start.handler(event("Create"), None)
        assert denials.PERMISSION_SECONDS - 10 <= sum(world.slept) <= denials.PERMISSION_SECONDS

    def test_any_other_refusal_is_an_error_at_once(self, world: World) -> None:
        world.errors = [error("ValidationException", "No such instance type")]
        with pytest.raises(StartError, match="No such instance type"):
            start.handler(event("Create"), None)
        assert world.slept == []

    def test_an_error_says_where_the_log_is(self, world: World) -> None:
        """The CDK's provider names /aws/lambda/FUNCTION, which is not there."""
        world.errors = [error("ValidationException", "No such instance type")]
        with pytest.raises(StartError, match="The log is in the group start-logs"):
            start.handler(event("Create"), None)

    @pytest.mark.parametrize(("region", "links"), [("eu-west-1", 1), ("us-gov-west-1", 0)])
    def test_the_console_is_linked_to_where_its_address_is_known(
        self, monkeypatch: pytest.MonkeyPatch, region: str, links: int
    ) -> None:
        monkeypatch.setenv("AWS_REGION", region)
        assert len(jobs.console("sagemaker/home")) == links

    def test_what_fails_leaves_no_job_running(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """CloudFormation sends no Delete for it, and would never stop an adopted job."""
        start.handler(event("Create", "request-1"), None)
        refusal = error("ValidationException", "no AddTags")

        def refuse(*_: Any, **__: Any) -> None:
            raise refusal

        monkeypatch.setattr(SageMaker, "add_tags", refuse)
        with pytest.raises(StartError, match="no AddTags"):
            start.handler(event("Create", "request-2"), None)
        assert world.running(IDENTITY) == []

    def test_a_stopping_job_is_waited_for_and_not_adopted(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start.handler(event("Create", "request-1"), None)
        (stopping,) = world.jobs
        monkeypatch.setenv("WAIT_HANDLE", "https://signals/second")
        world.jobs[stopping]["TrainingJobStatus"] = "Stopping"
        start.handler(event("Create", "request-2"), None)
        assert len(world.jobs) == 2
        assert world.most_running == 1

    def test_a_job_is_tagged_with_what_awaits_it_and_not_with_the_url(self, world: World) -> None:
        start.handler(event("Create"), None)
        (job,) = world.jobs.values()
        assert job["Tags"][0] == {"Key": "fingerprint", "Value": FINGERPRINT}
        assert job["Tags"][1]["Key"] == "awaited-by"
        assert "signals" not in job["Tags"][1]["Value"]

    def test_an_adopted_job_signals_the_deployment_that_adopted_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start.handler(event("Create", "request-1"), None)
        (name,) = world.jobs
        monkeypatch.setenv("WAIT_HANDLE", "https://signals/second")
        start.handler(event("Create", "request-2"), None)
        finish.handler(world.end(name, "Completed"), None)
        assert world.signals == [("https://signals/second", name, None, "none")]

    def test_copies_are_encrypted_with_the_key_where_there_is_one(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ENCRYPTION_KEY", "arn:key")
        start.handler(event("Create"), None)
        assert world.copies == [{"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": "arn:key"}]

    def test_data_is_copied_again_when_another_key_is_to_encrypt_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The execution role may not use the former key, which may even be gone."""
        for key, times in (("arn:former", 1), ("arn:key", 2), ("arn:key", 2)):
            monkeypatch.setenv("ENCRYPTION_KEY", key)
            start.handler(event("Create"), None)
            assert world.encryption["bucket", "lda/data/1/train"] == key
            assert len(world.copies) == times
            world.jobs.clear()

    def test_a_model_under_another_key_is_refused_since_the_endpoint_could_not_read_it(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ENCRYPTION_KEY", "arn:key")
        world.objects["bucket", ARTIFACT] = "model"
        world.encryption["bucket", ARTIFACT] = "arn:former"
        with pytest.raises(StartError, match="another key than arn:key: set another `revis"):
            start.handler(event("Update"), None)
        assert (world.jobs, world.signals) == ({}, [])

    @pytest.mark.parametrize("keys", [{}, {("bucket", ARTIFACT): "arn:key"}])
    def test_a_model_under_the_key_or_under_none_is_signalled(
        self, keys: dict[tuple[str, str], str], world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ENCRYPTION_KEY", "arn:key")
        world.objects["bucket", ARTIFACT] = "model"
        world.encryption |= keys
        start.handler(event("Update"), None)
        assert [failure for _, _, failure, _ in world.signals] == [None]

    @pytest.mark.usefixtures("world")
    def test_another_fingerprint_is_another_physical_id(self) -> None:
        """So that CloudFormation deletes the old one after an update, and the new one else."""
        answer = start.handler(event("Update", fingerprint="0" * 64), None)
        assert answer == {"PhysicalResourceId": "topics-dev-000000000000"}

    @pytest.mark.parametrize("status", ["ROLLBACK_IN_PROGRESS", "DELETE_IN_PROGRESS"])
    def test_a_create_that_its_delete_has_overtaken_leaves_no_job(
        self, world: World, status: str
    ) -> None:
        """The Delete found no job, since it had not been started yet."""

        def overtake() -> None:
            world.stack_status = status
            start.handler(event("Delete") | {"PhysicalResourceId": "made-up"}, None)

        world.before_create = overtake
        world.lists_late = True
        start.handler(event("Create"), None)
        assert [job["TrainingJobStatus"] for job in world.jobs.values()] == ["Stopped"]

    def test_an_update_that_goes_back_stops_what_the_cancelled_one_has_started(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """CloudFormation never heard of its id, so it sends no Delete."""
        start.handler(event("Create"), None)
        monkeypatch.setenv("WAIT", WAIT.replace("f", "0"))
        update = event("Update", "request-2", fingerprint="0" * 64, old_fingerprint=FINGERPRINT)
        world.stack_status = "UPDATE_IN_PROGRESS"  # a late copy of an earlier update stops nothing
        start.handler(update, None)
        assert len(world.running(IDENTITY)) == 1
        world.stack_status = "UPDATE_ROLLBACK_IN_PROGRESS"
        start.handler(update, None)
        assert world.running(IDENTITY) == []

    def test_an_update_that_goes_back_succeeds_although_the_job_does_not_stop(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Else the rollback itself would fail."""

        def fail(*_: Any) -> None:
            raise jobs.StopError

        monkeypatch.setattr(jobs, "stop", fail)
        world.stack_status = "UPDATE_ROLLBACK_IN_PROGRESS"
        back = event("Update", fingerprint="0" * 64, old_fingerprint=FINGERPRINT)
        assert start.handler(back, None) == {"PhysicalResourceId": "topics-dev-000000000000"}

    def test_a_request_for_another_wait_neither_trains_nor_signals(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The handle is for another model: it would let a deployment pass that has none yet."""
        monkeypatch.setenv("WAIT", WAIT.replace("f", "0"))
        late = event("Create")
        assert start.handler(late, None) == {"PhysicalResourceId": IDENTITY}
        world.objects["bucket", ARTIFACT] = "model"
        start.handler(late, None)
        assert (world.jobs, world.signals) == ({}, [])

    def test_delete_stops_the_running_job_and_waits_for_its_end(self, world: World) -> None:
        start.handler(event("Create"), None)
        (name,) = world.jobs
        start.handler(event("Delete"), None)
        assert world.jobs[name]["TrainingJobStatus"] == "Stopped"
        assert world.slept == [jobs.POLL_SECONDS]

    def test_delete_of_a_create_whose_answer_was_lost_stops_its_job(self, world: World) -> None:
        """CloudFormation then knows no id of ours, and makes one up."""
        start.handler(event("Create"), None)
        lost = event("Delete") | {"PhysicalResourceId": "topics-dev-training-Resource-1ABCDEF"}
        start.handler(lost, None)
        assert world.running(IDENTITY) == []

    @pytest.mark.usefixtures("world")
    def test_delete_of_what_never_started_does_nothing(self, world: World) -> None:
        assert start.handler(event("Delete"), None) == {}

    def test_delete_stops_no_job_of_another_fingerprint(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WAIT", WAIT.replace("f", "0"))
        start.handler(event("Create", fingerprint="0" * 64), None)
        start.handler(event("Delete"), None)
        assert [job["TrainingJobStatus"] for job in world.jobs.values()] == ["InProgress"]

    def test_delete_stops_no_job_whose_name_only_contains_ours(self, world: World) -> None:
        """`NameContains` is all that a list can be asked for."""
        start.handler(event("Create"), None)
        (job,) = world.jobs.values()
        longer = f"my-{IDENTITY}-12345678"
        world.jobs[longer] = job | {"TrainingJobName": longer}
        start.handler(event("Delete"), None)
        assert world.jobs[longer]["TrainingJobStatus"] == "InProgress"

    def test_delete_of_a_job_that_ends_just_then_is_no_error(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start.handler(event("Create"), None)
        stop = SageMaker.stop_training_job

        def come_too_late(client: SageMaker, TrainingJobName: str) -> None:  # noqa: N803
            world.end(TrainingJobName, "Completed")
            stop(client, TrainingJobName)

        monkeypatch.setattr(SageMaker, "stop_training_job", come_too_late)
        assert start.handler(event("Delete"), None) == {}

    def test_a_job_that_may_not_be_stopped_is_an_error_of_delete(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start.handler(event("Create"), None)

        def refuse(*_: Any, **__: Any) -> None:
            raise error("AccessDeniedException", "no StopTrainingJob")

        monkeypatch.setattr(SageMaker, "stop_training_job", refuse)
        with pytest.raises(StartError, match=r"no StopTrainingJob \(tried for"):
            start.handler(event("Delete"), None)

    @pytest.mark.usefixtures("in_vpc")
    @pytest.mark.parametrize("status", ["DELETE_IN_PROGRESS", "ROLLBACK_IN_PROGRESS"])
    def test_role_and_group_outlive_the_interfaces_that_need_them(
        self, world: World, status: str
    ) -> None:
        """They are deleted after this resource, and SageMaker deletes interfaces as the role."""
        attach(world, "[Do not delete] ENI managed by SageMaker", 42, status)
        start.handler(event("Delete"), None)
        assert 42 <= sum(world.slept) < 42 + interfaces.POLL_SECONDS

    @pytest.mark.usefixtures("in_vpc")
    @pytest.mark.parametrize(
        ("description", "status"),
        [
            ("a database's", "DELETE_IN_PROGRESS"),
            # A model that was replaced goes, and the endpoint that serves the new one stays.
            ("managed by SageMaker", "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"),
            ("managed by SageMaker", "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS"),
        ],
    )
    def test_interfaces_that_stay_are_not_waited_for(
        self, world: World, description: str, status: str
    ) -> None:
        attach(world, description, 42, status)
        start.handler(event("Delete"), None)
        assert world.slept == []

    @pytest.mark.usefixtures("in_vpc")
    def test_interfaces_are_waited_for_within_the_functions_time(self, world: World) -> None:
        attach(world, "managed by SageMaker, of another environment", 1e9, "DELETE_IN_PROGRESS")
        start.handler(event("Delete"), None)
        longest = sum(world.slept) + jobs.STOP_SECONDS
        assert interfaces.GONE_SECONDS <= longest < START_TIMEOUT.to_seconds()

    def test_delete_leaves_the_published_model(self, world: World) -> None:
        world.objects["bucket", ARTIFACT] = "model"
        start.handler(event("Delete"), None)
        assert world.objects["bucket", ARTIFACT] == "model"

    def test_a_job_that_does_not_stop_is_an_error_within_the_bound(
        self, world: World, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        start.handler(event("Create"), None)
        (name,) = world.jobs
        monkeypatch.setattr(SageMaker, "describe_training_job", lambda *_, **__: world.jobs[name])
        with pytest.raises(StartError, match=f"{name} did not stop within 300 s"):
            start.handler(event("Delete"), None)


class TestFinish:
    @pytest.fixture
    def job(self, world: World) -> str:
        start.handler(event("Create"), None)
        return next(iter(world.jobs))

    def test_a_completed_job_is_published_then_signalled(self, world: World, job: str) -> None:
        metrics = [{"MetricName": "test:pwll", "Value": -7.5}]
        finish.handler(world.end(job, "Completed", FinalMetricDataList=metrics), None)
        assert world.objects["bucket", ARTIFACT] == f"model of {job}"
        assert world.signals == [(HANDLE, job, None, "test:pwll=-7.5")]

    def test_metrics_that_neither_metadata_nor_an_output_can_hold_are_left_out(
        self, world: World, job: str
    ) -> None:
        """S3 takes 2 KB of ASCII, and the output is cut at quotation marks."""
        names = ["test:pwll", "Güte", 'quo"ted', "two words", *(f"m{n:0>250}" for n in range(40))]
        metrics = [{"MetricName": name, "Value": -7.5} for name in names]
        finish.handler(world.end(job, "Completed", FinalMetricDataList=metrics), None)
        told = world.metadata["bucket", ARTIFACT]["metrics"]
        assert [pair.partition("=")[0] for pair in told.split()] == ["test:pwll", names[4]]

    def test_a_published_model_carries_the_lineage_job_and_metrics(
        self, world: World, job: str
    ) -> None:
        world.jobs[job]["Tags"].append({"Key": "Cost Centre", "Value": "José"})  # not ours
        finish.handler(world.end(job, "Completed"), None)
        assert world.metadata["bucket", ARTIFACT] == {
            "fingerprint": FINGERPRINT,
            "job": job,
            "metrics": "none",
        }

    def test_a_published_model_is_never_written_again(self, world: World, job: str) -> None:
        """It may be served already."""
        world.objects["bucket", ARTIFACT] = "model of an earlier job"
        finish.handler(world.end(job, "Completed"), None)
        assert world.objects["bucket", ARTIFACT] == "model of an earlier job"
        assert world.signals == [(HANDLE, job, None, "none")]

    def test_a_lack_of_capacity_is_explained(self, world: World, job: str) -> None:
        reason = "CapacityError: Unable to provision requested ML compute capacity."
        finish.handler(world.end(job, "Failed", FailureReason=reason), None)
        assert "choose another instance type or Region" in (world.signals[0][2] or "")

    def test_a_late_event_of_an_earlier_attempt_does_not_fail_the_next(
        self, world: World, job: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        end = world.end(job, "Failed")
        monkeypatch.setenv("WAIT_HANDLE", "https://signals/second")
        start.handler(event("Create", "request-2"), None)
        finish.handler(end, None)
        assert world.signals == []

    @pytest.mark.parametrize(
        ("status", "failed"), [("Completed", 0), ("Failed", 1), ("Stopped", 1)]
    )
    def test_an_end_is_measured(
        self,
        world: World,
        job: str,
        status: str,
        failed: int,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        finish.handler(world.end(job, status, TrainingTimeInSeconds=60), None)
        measured = json.loads(capsys.readouterr().out)
        assert (measured["Failed"], measured["Duration"]) == (failed, 60)
        assert measured["Name"] == "topics-dev"
        (metrics,) = measured["_aws"]["CloudWatchMetrics"]
        assert metrics["Namespace"] == "TrainingJobs"

    def test_a_failure_is_signalled_with_reason_name_link_and_last_lines(
        self, world: World, job: str
    ) -> None:
        world.log = [f"line {number}" for number in range(30)]
        finish.handler(world.end(job, "Failed", FailureReason="AlgorithmError: no"), None)
        ((handle, sender, failure, _),) = world.signals
        assert (handle, sender) == (HANDLE, job)
        assert failure is not None
        lines = failure.splitlines()
        assert lines[0] == f"Training job {job} ended as Failed: AlgorithmError: no"
        assert lines[1].endswith(f"region=us-east-1#/jobs/{job}")
        assert lines[2:] == [f"line {number}" for number in range(10, 30)]
        assert ("bucket", ARTIFACT) not in world.objects

    def test_long_reasons_and_lines_leave_place_for_the_last_line(
        self, world: World, job: str
    ) -> None:
        """A signal has 4 KB and is cut at its end, where the cause is."""
        world.log = [f"{number} {'x' * 500}" for number in range(30)]
        finish.handler(world.end(job, "Failed", FailureReason="r" * 1024), None)
        reason = world.signals[0][2] or ""
        body = signals._body({"Status": "FAILURE", "Reason": reason, "UniqueId": job, "Data": ""})
        assert json.loads(body)["Reason"].splitlines()[-1].startswith("29 xxx")

    def test_a_stopped_job_is_a_failure_although_it_may_have_an_artifact(
        self, world: World, job: str
    ) -> None:
        event_of_end = world.end(job, "Stopped") | {}
        world.jobs[job]["SecondaryStatus"] = "MaxRuntimeExceeded"
        finish.handler(event_of_end, None)
        assert world.signals[0][2] is not None
        assert "ended as Stopped: MaxRuntimeExceeded" in world.signals[0][2]
        assert ("bucket", ARTIFACT) not in world.objects

    def test_an_event_that_says_more_than_sagemaker_does_is_not_believed(
        self, world: World, job: str
    ) -> None:
        finish.handler({"detail": {"TrainingJobName": job, "TrainingJobStatus": "Failed"}}, None)
        assert world.signals == []

    def test_a_job_that_another_deployment_awaits_is_published_and_signals_nothing(
        self, world: World, job: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("WAIT_HANDLE", "https://signals/another")
        finish.handler(world.end(job, "Completed"), None)
        assert world.signals == []
        assert world.objects["bucket", ARTIFACT] == f"model of {job}"

    def test_a_completed_job_without_a_model_fails_the_deployment(
        self, world: World, job: str
    ) -> None:
        end = world.end(job, "Completed")
        world.objects = {}
        finish.handler(end, None)
        assert "the job has left no model at s3://bucket/lda/jobs/" in (world.signals[0][2] or "")

    def test_what_may_pass_is_raised_so_that_lambda_tries_again(
        self, world: World, job: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*_: Any) -> None:
            raise error("InternalError", "try again")

        monkeypatch.setattr(models, "copy", fail)
        with pytest.raises(ClientError, match="try again"):
            finish.handler(world.end(job, "Completed"), None)
        assert world.signals == []


class TestCrashed:
    def record(self, job: str, **payload: Any) -> dict[str, Any]:
        return {"requestPayload": {"detail": {"TrainingJobName": job}}, **payload}

    def test_the_deployment_is_told_what_broke_and_where_to_look(self, world: World) -> None:
        broken = self.record(f"{IDENTITY}-1", responsePayload={"errorMessage": "no module"})
        crashed.handler(broken, None)
        ((handle, sender, failure, _),) = world.signals
        assert (handle, sender) == (HANDLE, f"{IDENTITY}-1")
        assert "failed: no module" in (failure or "")
        assert "finish-logs" in (failure or "")

    def test_a_function_that_died_without_a_word_is_told_too(self, world: World) -> None:
        crashed.handler(self.record(f"{IDENTITY}-1"), None)
        assert "it gave no answer" in (world.signals[0][2] or "")

    def test_a_job_of_another_fingerprint_fails_nothing(self, world: World) -> None:
        crashed.handler(self.record("topics-dev-000000000000-1"), None)
        assert world.signals == []


@pytest.mark.usefixtures("world")
def test_only_a_job_of_ours_is_published() -> None:
    job: Any = {"OutputDataConfig": {"S3OutputPath": "s3://bucket/elsewhere"}}
    with pytest.raises(models.ModelError, match="it writes to s3://bucket/elsewhere, so"):
        models.publish(job, {})


def test_a_copy_that_is_not_whole_is_an_error(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = iter([{"ContentLength": 10}, {"ContentLength": 9}])
    monkeypatch.setattr(
        "tests.support.training_job_world.S3.head_object", lambda *_, **__: next(heads)
    )
    with pytest.raises(RuntimeError, match="has another size than s3://staging/train"):
        models.copy(("staging", "train"), ("bucket", "train"))
