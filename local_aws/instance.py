"""Start, find and stop an instance of the embedded AWS.

An instance is a server process (`local_aws.ministack.server`) with a folder of its own, which holds
the certificate, the log and `instance.json`. Clients need only `Instance.environment()`.

The server and its watcher hold a lock on `server.pid` while they live. A held lock means that the
instance lives and that the number in the file is its process.
"""

import contextlib
import fcntl
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from local_aws import certificate, private, signed_request

ACCOUNT = "000000000000"
REGION = "us-east-1"
PROJECT = Path(__file__).parent.parent
START_SECONDS = 60
STOP_SECONDS = 10
HEALTH = "/_ministack/health"
_PID = "server.pid"
_DESCRIPTION = "instance.json"
_CERTIFICATE = "certificate.pem"
_BUNDLE = "bundle.pem"
_SDK_DEFAULTS = "sagemaker.yaml"
# Of the SageMaker SDK. To name its default bucket it would ask STS at AWS's own address, and it
# would report each call to a bucket of AWS.
_SDK_MODULES = {
    "TelemetryOptOut": True,
    "Session": {"DefaultS3Bucket": f"sagemaker-{REGION}-{ACCOUNT}"},
}


class InstanceError(RuntimeError):
    """An instance that can't be started, found or stopped; the message says why."""


@dataclass(frozen=True)
class Instance:
    """A running server.

    Attributes:
        folder: Holds the certificate, the log and the description.
        port: The loopback port that serves HTTPS.
        pid: The server process, which leads a process group of its own.
        secret: The secret key of the account's root, for those who may read the folder.
    """

    folder: str
    port: int
    pid: int
    secret: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """Return the variables that point AWS clients (CDK CLI, boto3, Node) at this instance."""
        return client_environment(Path(self.folder), self.port, self.secret)

    @property
    def log(self) -> Path:
        """The file of what the server printed."""
        return Path(self.folder, "server.log")


def client_environment(folder: Path, port: int, secret: str) -> dict[str, str]:
    """Return the variables that point AWS clients at the server on `port`, and nowhere else.

    They hide the user's own profile, configuration and instance role. So a command that ignores
    the endpoint cannot touch a real account.
    """
    url = f"https://127.0.0.1:{port}"
    bundle = str(folder / _BUNDLE)
    return {
        "AWS_ACCESS_KEY_ID": ACCOUNT,  # MiniStack reads the account from a 12-digit key
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL": url,
        "AWS_ENDPOINT_URL_S3": url,
        "AWS_CA_BUNDLE": str(folder / _CERTIFICATE),  # boto3 and the CDK CLI
        "NODE_EXTRA_CA_CERTS": bundle,  # Node functions
        **dict.fromkeys(certificate.BUNDLE_VARIABLES, bundle),  # urllib, curl, requests, pip
        "SAGEMAKER_USER_CONFIG_OVERRIDE": str(folder / _SDK_DEFAULTS),
        "CDK_NOTICES": "false",  # the CLI would fetch them from the internet
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def without_aws(environment: dict[str, str]) -> dict[str, str]:
    """Return `environment` without the variables that AWS clients read."""
    return {k: v for k, v in environment.items() if not k.startswith(("AWS_", "CDK_"))}


def start(folder: Path) -> Instance:
    """Start a server that outlives the calling process, and return when it answers.

    Args:
        folder: For the certificate, the log and the description; made if absent.

    Raises:
        InstanceError: The server stopped or did not answer in time.
    """
    instance, _ = _launch(folder, None)
    description = {"port": instance.port, "secret": instance.secret}
    with private.create(Path(instance.folder, _DESCRIPTION)) as file:
        file.write(json.dumps(description).encode())
    return instance


@contextlib.contextmanager
def running() -> Iterator[Instance]:
    """Run an instance in a temporary folder while the block runs.

    The instance also ends when the calling process is killed: the server watches a pipe that
    closes then.
    """
    watched, held = os.pipe()
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(os.close, held)
        folder = cleanup.enter_context(
            # The server's watcher removes it too, in case this process is killed.
            tempfile.TemporaryDirectory(prefix="local_aws-", ignore_cleanup_errors=True)
        )
        try:
            instance, process = _launch(Path(folder), watched)
        finally:
            os.close(watched)
        cleanup.callback(process.wait)
        cleanup.callback(stop, instance)
        yield instance


def _launch(folder: Path, lifeline: int | None) -> tuple[Instance, subprocess.Popen[bytes]]:
    try:
        folder = private.make_folder(folder)
    except private.PrivateError as error:
        raise InstanceError(str(error)) from None
    with contextlib.ExitStack() as held:
        lock = held.enter_context(_locked(folder))
        for stale in (_DESCRIPTION, "server.log"):
            Path(folder, stale).unlink(missing_ok=True)
        certificate.write(folder / _CERTIFICATE, folder / "key.pem")
        certificate.write_bundle(folder / _CERTIFICATE, folder / _BUNDLE)
        with private.create(folder / _SDK_DEFAULTS) as file:  # JSON is YAML
            defaults = {"SageMaker": {"PythonSDK": {"Modules": _SDK_MODULES}}}
            file.write(json.dumps({"SchemaVersion": "1.0", **defaults}).encode())
        listener = held.enter_context(socket.socket())
        log = held.enter_context(private.create(folder / "server.log"))
        # Bound here and handed over, so that no other process can take the port meanwhile.
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        port = int(listener.getsockname()[1])
        secret = secrets.token_urlsafe(30)
        inherited = [listener.fileno(), lock] + ([] if lifeline is None else [lifeline])
        process = subprocess.Popen(
            [sys.executable, "-m", "local_aws.ministack.server", str(folder), *map(str, inherited)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            start_new_session=True,
            umask=0o077,
            cwd=PROJECT,
            env=without_aws(dict(os.environ))
            | client_environment(folder, port, secret)
            | server_environment(folder, port),
        )
        os.pwrite(lock, f"{process.pid}\n".encode(), 0)
    instance = Instance(str(folder), port, process.pid, secret)
    try:
        _wait_until_ready(instance, process)
    except BaseException:
        stop(instance)
        process.wait()
        raise
    return instance, process


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[int]:
    """Lock `server.pid` and yield its file descriptor; a process that inherits it holds the lock.

    Raises:
        InstanceError: A server runs in this folder.
    """
    if (folder / _PID).is_symlink():
        (folder / _PID).unlink()
    file = os.open(folder / _PID, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if not _lock(file, fcntl.LOCK_EX):
            raise InstanceError(
                f"an embedded AWS runs in {folder} already; stop it with `python -m local_aws down`"
            )
        os.ftruncate(file, 0)
        yield file
    finally:
        os.close(file)


def _lock(file: int, kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _lives(folder: Path) -> bool:
    """Return whether a server of this folder, or a process that it started, still runs."""
    try:
        with Path(folder, _PID).open("rb") as file:
            return not _lock(file.fileno(), fcntl.LOCK_SH)
    except OSError:  # no server ever ran here
        return False


def server_environment(folder: Path, port: int) -> dict[str, str]:
    """Return MiniStack's own settings, which it reads when it is imported."""
    return {
        "AUTH": "true",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(folder / _CERTIFICATE),
        "MINISTACK_SSL_KEY": str(folder / "key.pem"),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "TMPDIR": str(folder),
        "STATE_DIR": str(
            folder / "state"
        ),  # by default its keys are in a folder that all users share
        "S3_DATA_DIR": str(folder / "state/s3"),
        "PYTHONUNBUFFERED": "1",
        # Lambda's Node runtime has the AWS SDK; MiniStack has stand-ins for parts of it.
        "NODE_PATH": str(PROJECT / "node_modules"),
        # So functions and containers find the Node and Python of the venv first.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }


def _wait_until_ready(instance: Instance, process: subprocess.Popen[bytes]) -> None:
    environment = instance.environment()
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = "\n".join(instance.log.read_text(errors="replace").splitlines()[-10:])
            raise InstanceError(f"the server stopped while starting:\n{tail}")
        with contextlib.suppress(OSError):
            signed_request.ask(environment, HEALTH, seconds=5)
            return
        time.sleep(0.05)
    raise InstanceError(f"the server did not answer within {START_SECONDS} s; see {instance.log}")


def stop(instance: Instance) -> None:
    """Stop the server and all it started: functions, training jobs, containers."""
    folder = Path(instance.folder)
    for number in (signal.SIGTERM, signal.SIGKILL):
        if _lives(folder):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(instance.pid, number)
        deadline = time.monotonic() + STOP_SECONDS
        while _lives(folder) and time.monotonic() < deadline:
            time.sleep(0.05)
    Path(folder, _DESCRIPTION).unlink(missing_ok=True)


def find(folder: Path) -> Instance:
    """Return the instance that `start` started in `folder`.

    Raises:
        InstanceError: None runs there.
    """
    try:
        if _lives(folder):
            pid = int(Path(folder, _PID).read_text())
            description = json.loads(Path(folder, _DESCRIPTION).read_text())
            return Instance(str(folder.resolve()), pid=pid, **description)
    except (OSError, ValueError, TypeError):  # it is starting, or the files are not ours
        pass
    raise InstanceError(
        f"no embedded AWS runs in {folder}; start one with `python -m local_aws up`"
    )
