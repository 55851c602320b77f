"""One run of a Glue job: it has a thread that does what Glue does around the script.

The thread fetches the script and its packages and runs them, all as the job's role. So a permission
that would be missing on AWS is missing here. What the script prints is in the account's log groups.

Sources: "Job runs" and "Debugging OOM exceptions and job abnormalities" in the AWS Glue Developer
Guide.
"""

import os
import re
import secrets
import subprocess
import tempfile
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import IO, Any

from botocore.exceptions import BotoCoreError, ClientError

from local_aws import faults
from local_aws.glue import spark
from local_aws.ministack import bridge
from local_aws.ministack.bridge import Scope
from local_aws.sagemaker.batch import Batch
from local_aws.sagemaker.clients import role_client
from local_aws.sagemaker.logs import Stream

LOG_GROUP = "/aws-glue/jobs"
EVENT_SOURCE, EVENT = "aws.glue", "Glue Job State Change"
SESSION = "GlueJobRunnerSession"
SERVICE = "glue.amazonaws.com"
ACTIVE = ("STARTING", "RUNNING", "STOPPING")
MESSAGES = {
    "SUCCEEDED": "Job run succeeded",
    "STOPPED": "Job run stopped",
    "TIMEOUT": "Job run timed out",
}
MESSAGE_CHARACTERS = 400_000  # of ErrorMessage, in the API's model
LOOK_SECONDS = 0.1  # between two checks whether a run should go on
STOP_SECONDS = 10  # between SIGTERM and SIGKILL
KEPT_LINES = 1000
# The last line of a traceback: the error's class, perhaps with its module, and a message.
RAISED = re.compile(r"(?P<name>[\w.]*?\w+)(: .*)?")
# Arguments that Glue reads itself; the script gets them too.
PACKAGES = "--extra-py-files"


class RunError(Exception):
    """A run fails; the message is its ErrorMessage."""


class JobRun:
    """A run, from its request to its end.

    Args:
        scope: The account and Region.
        job: The job, as GetJob answers.
        request: The StartJobRun request.
    """

    def __init__(self, scope: Scope, job: Mapping[str, Any], request: Mapping[str, Any]) -> None:
        self.scope = scope
        self.id = f"jr_{secrets.token_hex(32)}"
        self.job: str = job["Name"]
        self.state = "STARTING"
        self.error = ""
        role = job["Role"]  # a name or an ARN
        self._role = role if ":" in role else f"arn:aws:iam::{scope.account}:role/{role}"
        self._script: str = job["Command"].get("ScriptLocation", "")
        self._given: dict[str, str] = dict(request.get("Arguments", {}))
        self._arguments: dict[str, str] = {
            **job.get("DefaultArguments", {}),
            "--JOB_NAME": self.job,
            "--JOB_RUN_ID": self.id,
            **self._given,
        }
        self._chosen = {
            name: request.get(name, job.get(name))
            for name in ("Timeout", "WorkerType", "NumberOfWorkers")
        } | {"GlueVersion": job.get("GlueVersion")}
        self._started = self._changed = time.time()
        self._running_since: float | None = None
        self._completed: float | None = None
        self._stopping = threading.Event()
        self._lock = threading.RLock()
        self._thread = threading.Thread(target=self._run, name=self.id, daemon=True)

    @property
    def arn(self) -> str:
        """The job's ARN; a run has none."""
        return self.scope.arn(f"job/{self.job}", "glue")

    @property
    def is_active(self) -> bool:
        """Whether the run has not ended."""
        return self.state in ACTIVE

    def start(self) -> None:
        """Start the run and return at once."""
        self._thread.start()

    def stop(self) -> bool:
        """Ask the run to stop, as BatchStopJobRun does; return whether it is active."""
        with self._lock:
            if self.is_active:
                self._set("STOPPING")
                self._stopping.set()
            return self.is_active

    def describe(self) -> dict[str, Any]:
        """Return the run as GetJobRun answers it."""
        with self._lock:
            end = time.time() if self._completed is None else self._completed
            answer = {
                "Id": self.id,
                "Attempt": 0,
                "JobName": self.job,
                "JobRunState": self.state,
                "StartedOn": self._started,
                "LastModifiedOn": self._changed,
                "Arguments": self._given,
                "PredecessorRuns": [],
                "ExecutionTime": round(end - self._running_since) if self._running_since else 0,
                "LogGroupName": LOG_GROUP,
                **{name: value for name, value in self._chosen.items() if value is not None},
            }
            if self._completed is not None:
                answer["CompletedOn"] = self._completed
            if self.error:
                answer["ErrorMessage"] = self.error
            return answer

    def _run(self) -> None:
        try:
            with tempfile.TemporaryDirectory(prefix="glue-") as folder:
                state = self._work(Path(folder))
            self._end(state)
        except (RunError, spark.NoSparkError) as error:
            self._end("FAILED", str(error))
        except Exception as error:  # whatever else fails, the run must end
            self._end("FAILED", f"Internal service error: {error!r}")
            raise

    def _work(self, folder: Path) -> str:
        """Do what the run is for; return the state at its end."""
        if not bridge.trusts(self._role, SERVICE, self.arn, self.scope):
            raise RunError(
                f"Role {self._role} should be given assume role permissions for Glue Service."
            )
        script = self._fetch(self._script, folder)
        packages = [
            self._fetch(address, folder)
            for address in self._arguments.get(PACKAGES, "").split(",")
            if address
        ]
        arguments = [word for pair in self._arguments.items() for word in pair]
        command = spark.command(script, packages, arguments)
        with self._lock:
            if self._stopping.is_set():
                return "STOPPED"
            self._set("RUNNING")
            self._running_since = self._changed
        if faults.strike("glue.memory"):
            self._stream("error").write(["java.lang.OutOfMemoryError: Java heap space"])
            raise RunError("Command Failed with Exit Code 1")
        return self._follow(command, folder)

    def _fetch(self, address: str, folder: Path) -> Path:
        """Copy an object to the run's folder, as the role."""
        bucket, _, key = address.removeprefix("s3://").partition("/")
        file = folder / PurePosixPath(key).name
        try:
            role_client("s3", self._role, self.scope, SESSION).download_file(bucket, key, str(file))
        except (ClientError, BotoCoreError) as error:
            raise RunError(
                f"LAUNCH ERROR | Error downloading from S3 for bucket: {bucket}, key: {key}."
                f"{error} Please refer logs for details."
            ) from None
        return file

    def _follow(self, command: list[str], folder: Path) -> str:
        """Run the command and return the state at its end."""
        seconds = 60 * int(self._chosen["Timeout"])
        deadline = time.monotonic() + (0 if faults.strike("glue.timeout") else seconds)
        kept = {name: deque[str](maxlen=KEPT_LINES) for name in ("output", "error")}
        process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=self._environment(folder),
            text=True,
            errors="replace",
        )
        readers = [
            threading.Thread(
                target=_pass_on, args=(pipe, self._stream(name), kept[name]), daemon=True
            )
            for name, pipe in (("output", process.stdout), ("error", process.stderr))
        ]
        for reader in readers:
            reader.start()
        state = ""
        while not state and process.poll() is None:
            if self._stopping.wait(LOOK_SECONDS):
                state = "STOPPED"
            elif time.monotonic() > deadline:
                state = "TIMEOUT"
        if process.poll() is None:
            _stop(process)
        for reader in readers:
            reader.join()
        if not state and process.returncode != 0:
            # Spark's driver joins a Python program's stderr with its stdout.
            raise RunError(_reason(process.returncode, [*kept["error"], *kept["output"]]))
        return state or "SUCCEEDED"

    def _environment(self, folder: Path) -> dict[str, str]:
        """Return the script's environment; its credentials are the role's alone."""
        credentials = bridge.role_credentials(self._role, self.scope, SESSION)
        own = {name: value for name, value in os.environ.items() if name.startswith("AWS_")}
        return (
            own
            | {name.upper(): value for name, value in credentials.items()}
            | {"AWS_REGION": self.scope.region, "AWS_DEFAULT_REGION": self.scope.region}
            | {"HOME": str(folder), "TMPDIR": str(folder), "PYTHONUNBUFFERED": "1"}
            | spark.variables(folder)
        )

    def _stream(self, name: str) -> Stream:
        logs = role_client("logs", self._role, self.scope, SESSION)
        return Stream(logs, f"{LOG_GROUP}/{name}", self.id)

    def _end(self, state: str, error: str = "") -> None:
        with self._lock:
            self.error = error[:MESSAGE_CHARACTERS]
            self._set(state)
            self._completed = self._changed
        detail = {
            "jobName": self.job,
            "severity": "INFO" if state == "SUCCEEDED" else "ERROR" if error else "WARN",
            "state": state,
            "jobRunId": self.id,
            "message": error or MESSAGES[state],
        }
        bridge.emit_event(self.scope, EVENT, detail, source=EVENT_SOURCE)

    def _set(self, state: str) -> None:
        self.state, self._changed = state, time.time()


def _pass_on(pipe: IO[str], stream: Stream, kept: deque[str]) -> None:
    """Write the lines of a program to a log stream while they come; keep the last ones."""
    batch = Batch(stream.write)
    with pipe:
        for line in pipe:
            batch.add(line.rstrip("\n"))
            kept.append(line.rstrip("\n"))
    batch.flush()


def _stop(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _reason(code: int, lines: Sequence[str]) -> str:
    """Return the ErrorMessage of a script that failed: what it raised, or its exit code."""
    if code < 0:
        return f"Command Failed with Exit Code {code}"
    raised = f"SystemExit: {code}"
    if any(line.startswith("Traceback ") for line in lines):
        raised = next((line for line in reversed(lines) if _is_error(line)), raised)
    return f"Error Category: UNCLASSIFIED_ERROR; {raised}"


def _is_error(line: str) -> bool:
    match = RAISED.fullmatch(line)
    return match is not None and match["name"].endswith(("Error", "Exception", "Exit"))
