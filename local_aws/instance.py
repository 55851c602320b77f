"""Start, reach and stop an instance of the embedded AWS.

An instance is a server process (`local_aws.server`) and a folder of its own with the certificate,
the log and `instance.json`. What leaves this module is the environment that clients need.
"""

import contextlib
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from local_aws import certificate

ACCOUNT = "000000000000"
REGION = "us-east-1"
PROJECT = Path(__file__).parent.parent
START_SECONDS = 60
STOP_SECONDS = 10


class InstanceError(RuntimeError):
    """An instance could not be started, found or stopped; the message says why."""


@dataclass(frozen=True)
class Instance:
    """A server that runs.

    Attributes:
        folder: Its certificate, log and description.
        port: The loopback port it serves HTTPS on.
        pid: The server process, which leads a process group of its own.
    """

    folder: str
    port: int
    pid: int

    def environment(self) -> dict[str, str]:
        """The variables that point AWS clients (CDK CLI, boto3, Node) at this instance alone."""
        return client_environment(Path(self.folder), self.port)

    @property
    def log(self) -> Path:
        """What the server printed."""
        return Path(self.folder, "server.log")


def client_environment(folder: Path, port: int) -> dict[str, str]:
    """The variables that point AWS clients at the server on `port`, and nowhere else.

    The user's own profile, configuration and instance role are put out of reach, so that a
    command that forgot the endpoint cannot touch a real account.
    """
    url = f"https://127.0.0.1:{port}"
    certificate = str(folder / "certificate.pem")
    return {
        "AWS_ACCESS_KEY_ID": ACCOUNT,  # MiniStack reads the account from a 12-digit key
        # It takes any for the root, and only for the root.
        "AWS_SECRET_ACCESS_KEY": "local",  # pragma: allowlist secret
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
    Path(instance.folder, "instance.json").write_text(json.dumps(asdict(instance)))
    return instance


@contextlib.contextmanager
def running() -> Iterator[Instance]:
    """An instance in a temporary folder for as long as the block runs.

    It ends with the calling process however that ends: the server watches a pipe that closes then.
    """
    watched, held = os.pipe()
    with contextlib.ExitStack() as cleanup:
        cleanup.callback(os.close, held)
        folder = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="local_aws-"))
        try:
            instance, process = _launch(Path(folder), watched)
        finally:
            os.close(watched)
        cleanup.callback(process.wait)
        cleanup.callback(stop, instance)
        yield instance


def _launch(folder: Path, lifeline: int | None) -> tuple[Instance, subprocess.Popen[bytes]]:
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    certificate.write(folder / "certificate.pem", folder / "key.pem")
    with socket.socket() as listener, Path(folder, "server.log").open("wb") as log:
        # Bound here and handed over, so that no other process can take the port in between.
        listener.bind(("127.0.0.1", 0))
        listener.listen(256)
        port = int(listener.getsockname()[1])
        inherited = [listener.fileno()] + ([] if lifeline is None else [lifeline])
        process = subprocess.Popen(
            [sys.executable, "-m", "local_aws.server", str(folder), *map(str, inherited)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            pass_fds=inherited,
            start_new_session=True,
            cwd=PROJECT,
            env=without_aws(dict(os.environ))
            | client_environment(folder, port)
            | server_environment(folder, port),
        )
    instance = Instance(str(folder), port, process.pid)
    try:
        _wait_until_ready(instance, process)
    except BaseException:
        stop(instance)
        process.wait()
        raise
    return instance, process


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
        "PYTHONUNBUFFERED": "1",
        # Lambda's Node runtime brings the AWS SDK along; MiniStack has stand-ins for parts of it.
        "NODE_PATH": str(PROJECT / "node_modules"),
        # Functions and containers find the venv's Node and Python first.
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]),
    }


def _wait_until_ready(instance: Instance, process: subprocess.Popen[bytes]) -> None:
    context = ssl.create_default_context(cafile=str(Path(instance.folder, "certificate.pem")))
    url = f"https://127.0.0.1:{instance.port}/_ministack/health"
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            tail = "\n".join(instance.log.read_text(errors="replace").splitlines()[-10:])
            raise InstanceError(f"the server stopped while starting:\n{tail}")
        with (
            contextlib.suppress(urllib.error.URLError, TimeoutError, ConnectionError),
            urllib.request.urlopen(url, timeout=5, context=context),
        ):
            return
        time.sleep(0.05)
    raise InstanceError(f"the server did not answer within {START_SECONDS} s; see {instance.log}")


def stop(instance: Instance) -> None:
    """Stop the server and everything it started (functions, training jobs, containers)."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(instance.pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_SECONDS
    while _alive(instance.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(instance.pid, signal.SIGKILL)  # whatever did not hear, containers included
    Path(instance.folder, "instance.json").unlink(missing_ok=True)


def _alive(pid: int) -> bool:
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)  # a child of ours would else stay, as a zombie
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def find(folder: Path) -> Instance:
    """The instance that `start` left in `folder`.

    Raises:
        InstanceError: There is none, or it no longer runs.
    """
    try:
        instance = Instance(**json.loads(Path(folder, "instance.json").read_text()))
        os.killpg(instance.pid, 0)
    except (OSError, ValueError, TypeError, OverflowError):  # no file of ours, or no such process
        raise InstanceError(
            f"no embedded AWS runs in {folder}; start one with `python -m local_aws up`"
        ) from None
    return instance
