"""The server process of an instance: MiniStack and the added services on one socket.

Only `local_aws.instance` starts it, with the environment that MiniStack reads at import.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import threading
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app

from local_aws import door, fault_route, service_quotas
from local_aws.autoscaling import autoscaling_service as autoscaling
from local_aws.ministack import bridge
from local_aws.ministack.install import install
from local_aws.sagemaker import account
from local_aws.sagemaker import sagemaker_service as sagemaker

ALARM_SECONDS = 1  # between two evaluations of the alarms


def main() -> None:
    """Serve until SIGTERM, or until the other end of the lifeline closes, if there is one."""
    parser = argparse.ArgumentParser(
        prog="python -m local_aws.ministack.server", description=__doc__
    )
    parser.add_argument("folder", type=Path, help="the instance's folder")
    parser.add_argument("socket", type=int, help="file descriptor of the listening socket")
    parser.add_argument(
        "lock", type=int, help="file descriptor that is locked while the server lives"
    )
    parser.add_argument("lifeline", type=int, nargs="?", help="file descriptor of a pipe to watch")
    arguments = parser.parse_args()
    os.set_inheritable(arguments.lock, False)
    _watch_over(arguments.folder if arguments.lifeline is not None else None)
    install(
        [sagemaker, autoscaling, service_quotas],
        {sagemaker.NAME: account.tags},
        {sagemaker.NAME: sagemaker.condition_keys},
    )
    asyncio.run(_serve(arguments.folder, arguments.socket, arguments.lifeline))


def _watch_over(folder: Path | None) -> None:
    """Fork a watcher that kills all processes of the server when the server has ended in any way.

    Args:
        folder: The watcher removes it then; None removes nothing.
    """
    watched, held = os.pipe()
    server = os.getpid()
    if os.fork():
        os.close(watched)
        return  # `held` stays open while this process lives, and no child inherits it
    os.close(held)
    os.setpgid(0, 0)  # a signal to the server's group must not end the watcher first
    os.read(watched, 1)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(server, signal.SIGKILL)
    if folder is not None:
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(0)  # this releases the lock: nothing of the instance is left


async def _serve(folder: Path, socket: int, lifeline: int | None) -> None:
    end = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end.set)
    if lifeline is not None:

        def watch() -> None:
            os.read(lifeline, 1)
            loop.call_soon_threadsafe(end.set)

        threading.Thread(target=watch, daemon=True).start()
    config = Config()
    config.bind = [f"fd://{socket}"]
    config.certfile = str(folder / "certificate.pem")
    config.keyfile = str(folder / "key.pem")
    config.keep_alive_timeout = 75  # longer than the SDKs' pools keep a connection
    config.loglevel = "WARNING"
    serving = asyncio.create_task(
        serve(
            door.signed_only(fault_route.serve_before(app)),
            config,
            shutdown_trigger=asyncio.Event().wait,
        )
    )
    ending = asyncio.create_task(end.wait())
    watching = asyncio.create_task(_watch_alarms())
    await asyncio.wait({serving, watching, ending}, return_when=asyncio.FIRST_COMPLETED)
    sagemaker.shut_down()
    for task in (serving, watching):
        if task.done():
            task.result()  # it ended by an exception, which is raised here
    # At once: nothing is to be saved, and a normal end would wait for clients' connections.
    os._exit(0)


async def _watch_alarms() -> None:
    while True:
        await asyncio.sleep(ALARM_SECONDS)
        bridge.evaluate_alarms()


if __name__ == "__main__":
    main()
