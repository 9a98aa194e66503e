"""A SLURM of this machine alone, for tests: controller, node and munge, in one folder. Needs root."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

NEEDED = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "srun")

CONF = """
ClusterName=onenode
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={next_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
ReturnToService=2
KillWait=5
MaxArraySize=1001
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN
PartitionName=all Nodes={host} Default=YES MaxTime=INFINITE State=UP OverSubscribe=FORCE:2
"""
# requeued jobs wait until credentials of their first start have expired: by default for two minutes


def missing() -> str:
    """Return in words why there can be no SLURM here; "" if there can."""
    if os.geteuid() != 0:
        return "its daemons are started by root"
    lost = [name for name in NEEDED if shutil.which(name) is None]
    return f"there is no {lost[0]} (Debian: apt-get install slurm-wlm munge)" if lost else ""


@contextmanager
def one_node(folder: Path) -> Iterator[Path]:
    """Run SLURM while the block runs; yield its configuration, for SLURM_CONF."""
    for name in ("munge", "state", "spool"):
        (folder / name).mkdir(parents=True, mode=0o755)
    key = folder / "munge" / "key"
    key.write_bytes(os.urandom(256))
    key.chmod(0o600)
    (folder / "munge").chmod(0o700)
    conf, port = folder / "slurm.conf", _free_ports()
    conf.write_text(
        CONF.format(
            host=socket.gethostname().partition(".")[0], folder=folder, port=port, next_port=port + 1,
            cores=os.cpu_count(),
        )
    )  # fmt: skip
    munge = {"key-file": "key", "socket": "socket", "pid-file": "pid", "log-file": "log", "seed-file": "seed"}
    options = [f"--{option}={folder / 'munge' / name}" for option, name in munge.items()]
    environment = os.environ | {"SLURM_CONF": str(conf)}
    try:
        for command in (["munged", "--force", *options], ["slurmctld", "-c"], ["slurmd", "-c"]):
            subprocess.run(command, env=environment, check=True, capture_output=True)
        _until_idle(environment)
        yield conf
    finally:
        for name in ("slurmd.pid", "slurmctld.pid", "munge/pid"):
            if (folder / name).is_file():
                os.kill(int((folder / name).read_text()), 15)


def _until_idle(environment: dict[str, str]) -> None:
    for _ in range(120):
        told = subprocess.run(
            ["sinfo", "-h", "-o", "%t"], env=environment, capture_output=True, text=True, check=False
        )
        if "idle" in told.stdout:
            return
        time.sleep(0.5)
    raise RuntimeError(f"SLURM does not begin: {told.stdout} {told.stderr}")


def _free_ports() -> int:
    """Return a port that is free, as is the next one."""
    while True:
        with socket.socket() as one, socket.socket() as other:
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            try:
                other.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
            return port
