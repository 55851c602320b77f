"""The server process of an instance: MiniStack and the SageMaker service, on one socket.

Started by `local_aws.instance` only, which sets the environment that MiniStack reads at import.
"""

import argparse
import asyncio
import os
import signal
import threading
from pathlib import Path

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app

from local_aws import fault_route, ministack_internals, service_quotas
from local_aws.autoscaling import service as autoscaling
from local_aws.sagemaker import account
from local_aws.sagemaker import service as sagemaker

ALARM_SECONDS = 1  # between two looks at the alarms


def main() -> None:
    """Serve until SIGTERM, or until the lifeline's other end closes where there is one."""
    parser = argparse.ArgumentParser(prog="python -m local_aws.server", description=__doc__)
    parser.add_argument("folder", type=Path, help="the instance's folder")
    parser.add_argument("socket", type=int, help="file descriptor of the listening socket")
    parser.add_argument("lifeline", type=int, nargs="?", help="file descriptor of a pipe to watch")
    arguments = parser.parse_args()
    ministack_internals.install(sagemaker, autoscaling, service_quotas)
    ministack_internals.tell_tags(sagemaker.NAME, account.tags)
    asyncio.run(_serve(arguments.folder, arguments.socket, arguments.lifeline))


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
        serve(fault_route.serve_before(app), config, shutdown_trigger=asyncio.Event().wait)
    )
    ending = asyncio.create_task(end.wait())
    watching = asyncio.create_task(_watch_alarms())
    await asyncio.wait({serving, watching, ending}, return_when=asyncio.FIRST_COMPLETED)
    sagemaker.shut_down()
    for task in (serving, watching):
        if task.done():
            task.result()  # neither ends by itself but by an exception
    # At once: there is nothing to save, and clients' open connections would be waited for.
    os._exit(0)


async def _watch_alarms() -> None:
    while True:
        await asyncio.sleep(ALARM_SECONDS)
        ministack_internals.evaluate_alarms(one.scope for one in account.everyone())


if __name__ == "__main__":
    main()
