"""The life of a `TrainingJob` in any order of events, and what must hold in all of them.

The machine plays CloudFormation (which may deliver a request twice, roll back, or give up), the
jobs, and EventBridge (which may deliver an event late, twice, or never).
"""

import contextlib
import os
import time
from typing import Any
from unittest import mock

import boto3
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from stacks.training_job.handlers import finish, models, signals, start
from tests.support.training_job_world import World, event, job_request

FINGERPRINTS = ("a" * 64, "b" * 64)
ENDS = ("Completed", "Failed", "Stopped")


def identity(fingerprint: str) -> str:
    return f"topics-dev-{fingerprint[:12]}"


class Life(RuleBasedStateMachine):
    """One stack.

    Attributes:
        deployed: The fingerprint of the stack's last good state.
        wanted: That of the deployment that is under way.
        abandoned: Fingerprints whose deployment ended without the Delete that it should bring.
        lost: Whether an event that the deployment needed was dropped.
        requests: All that CloudFormation ever sent, any of which may come once more.
        waits: The fingerprint that each handle waits for.
    """

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.world.objects["staging", "train"] = "training data"
        self.deployed: str | None = None
        self.wanted: str | None = None
        self.request: dict[str, Any] = {}
        self.requests: list[dict[str, Any]] = []
        self.waits: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        self.abandoned: set[str] = set()
        self.lost = False
        self.count = 0
        self.published: dict[tuple[str, str], str] = {}
        self._patches = contextlib.ExitStack()
        for patch in (
            mock.patch.object(boto3, "client", self.world.client),
            mock.patch.object(models, "_s3", return_value=self.world.client("s3")),
            mock.patch.object(signals, "send", self.signal),
            mock.patch.object(time, "sleep"),
            mock.patch.dict(
                os.environ, {"AWS_REGION": "us-east-1", "NAME_PREFIX": "topics-dev", "LINEAGE": ""}
            ),
        ):
            self._patches.enter_context(patch)
        self._use_handle("none", FINGERPRINTS[0])

    def teardown(self) -> None:
        self._patches.close()

    def signal(self, handle: str, sender: str, failure: str | None = None, data: str = "") -> None:
        """Take a signal, which must be true when it is sent."""
        fingerprint = next(f for f in FINGERPRINTS if sender.startswith(identity(f)))
        assert self.waits[handle] == fingerprint, "another model's deployment was signalled"
        if failure is None:
            assert self.is_published(fingerprint), "signalled before the model was there"
        else:
            status = self.world.jobs[sender]["TrainingJobStatus"]
            assert status in ("Failed", "Stopped"), "a failure of a job that has not failed"
            assert not self.world.running(identity(fingerprint)), "another job may yet succeed"
        self.world.signal(handle, sender, failure, data)

    def is_published(self, fingerprint: str) -> bool:
        return ("bucket", f"lda/models/{fingerprint}/model.tar.gz") in self.world.objects

    def outcomes(self) -> list[bool]:
        """Success or not, as the present handle was told it."""
        handle = os.environ["WAIT_HANDLE"]
        return [failure is None for to, _, failure, _ in self.world.signals if to == handle]

    def _use_handle(self, handle: str, fingerprint: str) -> None:
        """Give the function the handle of a deployment of `fingerprint`."""
        self.waits[handle] = fingerprint
        os.environ["WAIT_HANDLE"] = handle
        os.environ["WAIT"] = f"{fingerprint[:12]}4800"
        os.environ["REQUEST"] = job_request(fingerprint)

    def _send(self, request: dict[str, Any]) -> None:
        """Deliver a request of CloudFormation, which must be answered."""
        answer = start.handler(request, None)
        fingerprint = request["ResourceProperties"]["Fingerprint"]
        if request["RequestType"] == "Delete":
            assert answer == {}
        else:
            assert answer == {"PhysicalResourceId": identity(fingerprint)}

    def _delete(self, fingerprint: str) -> None:
        running = self.world.running(identity(fingerprint))
        self._send(event("Delete", fingerprint=fingerprint))
        assert self.world.running(identity(fingerprint)) == [], "a job runs after Delete"
        for name in running:
            self.events.append({"detail": {"TrainingJobName": name}})

    def _roll_back(self, *, function_first: bool = True, id_known: bool = True) -> None:
        """Go back; CloudFormation may have restored the function already, or do so later."""
        wanted, self.wanted = self.wanted, None
        assert wanted is not None
        self.world.stack_status = "UPDATE_ROLLBACK_IN_PROGRESS"
        if self.deployed is not None:
            if function_first:
                self._use_handle(f"old-{self.count}", self.deployed)
            self._send(event("Update", f"rollback-{self.count}", self.deployed, wanted))
            self._use_handle(f"old-{self.count}", self.deployed)
        if wanted != self.deployed and (id_known or self.deployed is None):
            self._delete(wanted)

    def _begin(self, fingerprint: str) -> None:
        """Begin a deployment: a new handle, and a request."""
        self.count += 1
        self._use_handle(f"handle-{self.count}", fingerprint)
        self.wanted, self.lost = fingerprint, False
        self.abandoned.discard(fingerprint)
        kind = "Create" if self.deployed is None else "Update"
        self.world.stack_status = f"{kind.upper()}_IN_PROGRESS"
        self.request = event(kind, f"request-{self.count}", fingerprint, self.deployed)
        self.requests.append(self.request)
        self._send(self.request)

    @precondition(lambda self: self.wanted is None)
    @rule(fingerprint=st.sampled_from(FINGERPRINTS))
    def deploy(self, fingerprint: str) -> None:
        jobs_before, trained = len(self.world.jobs), self.is_published(fingerprint)
        self._begin(fingerprint)
        if trained:
            assert len(self.world.jobs) == jobs_before, "trained a model that is there"
            assert self.outcomes() == [True]

    @precondition(lambda self: self.wanted is None)
    @rule(fingerprint=st.sampled_from(FINGERPRINTS), function_first=st.booleans())
    def deploy_and_cancel_before_the_job_is_there(
        self, fingerprint: str, function_first: bool
    ) -> None:
        """The request that goes back overtakes the one that starts the job."""

        def cancel() -> None:
            self.world.before_create = lambda: None
            self._roll_back(function_first=function_first, id_known=False)

        self.world.before_create = cancel
        self._begin(fingerprint)
        self.world.before_create = lambda: None

    @precondition(lambda self: self.requests)
    @rule(data=st.data())
    def deliver_an_old_request_again(self, data: st.DataObject) -> None:
        self._send(data.draw(st.sampled_from(self.requests)))

    @precondition(lambda self: self.wanted is not None)
    @rule()
    def deliver_the_request_again(self) -> None:
        self._send(self.request)

    @precondition(lambda self: any(self.world.running(identity(f)) for f in FINGERPRINTS))
    @rule(status=st.sampled_from(ENDS))
    def end_the_job(self, status: str) -> None:
        name = next(n for f in FINGERPRINTS for n in self.world.running(identity(f)))
        self.events.append(self.world.end(name, status))

    @precondition(lambda self: self.events)
    @rule(data=st.data(), again=st.booleans())
    def deliver_an_event(self, data: st.DataObject, again: bool) -> None:
        """In any order, and perhaps once more later."""
        chosen = data.draw(st.sampled_from(range(len(self.events))))
        finish.handler(self.events[chosen], None)
        if not again:
            del self.events[chosen]

    @precondition(lambda self: self.events)
    @rule(data=st.data())
    def lose_an_event(self, data: st.DataObject) -> None:
        del self.events[data.draw(st.sampled_from(range(len(self.events))))]
        self.lost = True

    @precondition(lambda self: self.wanted is not None and self.outcomes())
    @rule()
    def end_the_deployment(self) -> None:
        if not self.outcomes()[0]:
            self._roll_back()
            return
        before, self.deployed, self.wanted = self.deployed, self.wanted, None
        self.world.stack_status = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS"
        if before not in (None, self.deployed):
            self._delete(before)

    @precondition(lambda self: self.wanted is not None and not self.outcomes())
    @rule(function_first=st.booleans())
    def give_up_waiting(self, function_first: bool) -> None:
        """The wait condition's time is up, or the user has cancelled."""
        self._roll_back(function_first=function_first)

    @precondition(lambda self: self.wanted not in (None, self.deployed))
    @rule()
    def abandon(self) -> None:
        """CloudFormation has given up on the Delete; the stack is where it was."""
        assert self.wanted is not None
        self.abandoned.add(self.wanted)
        self.wanted = None
        self.world.stack_status = "UPDATE_ROLLBACK_COMPLETE"
        if self.deployed is not None:
            self._use_handle(f"old-{self.count}", self.deployed)

    @precondition(lambda self: self.wanted is None and self.deployed is not None)
    @rule()
    def destroy(self) -> None:
        assert self.deployed is not None
        self.world.stack_status = "DELETE_IN_PROGRESS"
        self._delete(self.deployed)
        self.deployed = None

    @invariant()
    def at_most_one_job_of_a_fingerprint_runs(self) -> None:
        assert self.world.most_running <= 1

    @invariant()
    def no_job_runs_without_a_deployment(self) -> None:
        running = {f for f in FINGERPRINTS if self.world.running(identity(f))}
        assert running <= {self.wanted} | self.abandoned

    @invariant()
    def a_published_model_stays_as_it_is(self) -> None:
        for key, content in self.published.items():
            assert self.world.objects.get(key) == content
        self.published |= {k: v for k, v in self.world.objects.items() if "/models/" in k[1]}

    @invariant()
    def a_deployment_is_decided_unless_an_event_is_on_its_way_or_lost(self) -> None:
        if self.wanted is not None and not self.lost and not self.events:
            assert self.world.running(identity(self.wanted)) or self.outcomes()


TestLife = Life.TestCase
TestLife.settings = settings(
    max_examples=150, stateful_step_count=40, derandomize=True, database=None
)
