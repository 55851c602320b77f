"""Start, reach and stop an instance of the embedded AWS.

An instance is a server process (`local_aws.ministack.server`) and a folder of its own with the
certificate, the log and `instance.json`. What leaves this module is the environment that clients
need.

The server and what watches over it hold a lock on `server.pid` for as long as they live. So a lock
that is held tells a living instance from what a dead one has left, and its number from another's.
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


class InstanceError(RuntimeError):
    """An instance could not be started, found or stopped; the message says why."""


@dataclass(frozen=True)
class Instance:
    """A server that runs.

    Attributes:
        folder: Its certificate, log and description.
        port: The loopback port it serves HTTPS on.
        pid: The server process, which leads a process group of its own.
        secret: What the account's root signs with; known to whoever may read the folder.
    """

    folder: str
    port: int
    pid: int
    secret: str = field(repr=False)

    def environment(self) -> dict[str, str]:
        """The variables that point AWS clients (CDK CLI, boto3, Node) at this instance alone."""
        return client_environment(Path(self.folder), self.port, self.secret)

    @property
    def log(self) -> Path:
        """What the server printed."""
        return Path(self.folder, "server.log")


def client_environment(folder: Path, port: int, secret: str) -> dict[str, str]:
    """The variables that point AWS clients at the server on `port`, and nowhere else.

    The user's own profile, configuration and instance role are put out of reach, so that a
    command that forgot the endpoint cannot touch a real account.
    """
    url = f"https://127.0.0.1:{port}"
    certificate = str(folder / "certificate.pem")
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
        "AWS_CA_BUNDLE": certificate,  # boto3 and the CDK CLI
        "NODE_EXTRA_CA_CERTS": certificate,  # Node functions
        "SSL_CERT_FILE": certificate,  # urllib
        "CDK_NOTICES": "false",  # the CLI would ask the internet for them
        "CDK_DISABLE_CLI_TELEMETRY": "true",
    }


def without_aws(environment: dict[str, str]) -> dict[str, str]:
    """`environment` less everything that AWS clients read from it."""
    return {k: v for k, v in environment.items() if not k.startswith(("AWS_", "CDK_"))}


def start(folder: Path) -> Instance:
    """Start a server that goes on when the calling process ends, and return when it answers.

    Args:
        folder: Where certificate, log and description go; made if absent.

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
    """An instance in a temporary folder for as long as the block runs.

    It ends with the calling process however that ends: the server watches a pipe that closes then.
    """
    watched, held = os.pipe()
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(os.close, held)
        folder = cleanup.enter_context(
            # The server's watcher removes it too, so that it goes when this process is killed.
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
        certificate.write(folder / "certificate.pem", folder / "key.pem")
        listener = held.enter_context(socket.socket())
        log = held.enter_context(private.create(folder / "server.log"))
        # Bound here and handed over, so that no other process can take the port in between.
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
    """The file descriptor of `server.pid`, locked; whoever inherits it holds the lock as well.

    Raises:
        InstanceError: A server of this folder lives.
    """
    if (folder / _PID).is_symlink():
        (folder / _PID).unlink()
    file = os.open(folder / _PID, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        if not _lock(file, fcntl.LOCK_EX):
            raise InstanceError(f"an embedded AWS runs in {folder} already")
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
    """Whether a server of this folder, or what it started, is still there."""
    try:
        with Path(folder, _PID).open("rb") as file:
            return not _lock(file.fileno(), fcntl.LOCK_SH)
    except OSError:  # there never was one
        return False


def server_environment(folder: Path, port: int) -> dict[str, str]:
    """MiniStack's own settings, read when it is imported."""
    return {
        "AUTH": "true",
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(folder / "certificate.pem"),
        "MINISTACK_SSL_KEY": str(folder / "key.pem"),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "PERSIST_STATE": "0",
        "TMPDIR": str(folder),
        "STATE_DIR": str(folder / "state"),  # or its keys would be in a folder that all share
        "S3_DATA_DIR": str(folder / "state/s3"),
        "PYTHONUNBUFFERED": "1",
        # Lambda's Node runtime brings the AWS SDK along; MiniStack has stand-ins for parts of it.
        "NODE_PATH": str(PROJECT / "node_modules"),
        # Functions and containers find the venv's Node and Python first.
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
    """Stop the server and everything it started (functions, training jobs, containers)."""
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
    """The instance that `start` left in `folder`.

    Raises:
        InstanceError: There is none, or it no longer runs.
    """
    try:
        if _lives(folder):
            pid = int(Path(folder, _PID).read_text())
            description = json.loads(Path(folder, _DESCRIPTION).read_text())
            return Instance(str(folder.resolve()), pid=pid, **description)
    except (OSError, ValueError, TypeError):  # it starts just now, or these are no files of ours
        pass
    raise InstanceError(
        f"no embedded AWS runs in {folder}; start one with `python -m local_aws up`"
    )
