"""The command fhir-service in a process of its own that need not read its modules and vocabularies first.

To start Python, import the service and build what reads a report takes two seconds of the processor, and most tests of
the command run it several times. So one process does that once and forks for each call: arguments, environment, folder
and the three standard files are those of the call, and what the call does, it does alone. Tests that are about
starting, stopping or killing run the installed command itself (`command.COMMAND`).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

_LARGEST_CALL = 1 << 20


class WarmCommand:
    """Runs commands; `close` ends the process behind it."""

    def __init__(self, environment: dict[str, str]) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=environment,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )

    def run(
        self, arguments: list[str], *, environment: dict[str, str], folder: Path, seconds: float = 120
    ) -> subprocess.CompletedProcess[bytes]:
        """Exit code and output of one call. Raises TimeoutError."""
        call = json.dumps({"arguments": arguments, "environment": environment, "folder": str(folder)}).encode()
        assert len(call) < _LARGEST_CALL
        self._socket.settimeout(seconds)
        with open(os.devnull, "rb") as empty, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            socket.send_fds(self._socket, [call], [empty.fileno(), out.fileno(), err.fileno()])
            code = int(self._socket.recv(16))
            out.seek(0)
            err.seek(0)
            return subprocess.CompletedProcess(arguments, code, out.read(), err.read())

    def close(self) -> None:
        self._socket.close()
        self._process.wait(timeout=30)


def _serve(calls: socket.socket) -> None:
    """Fork for each call until nobody is left to send one."""
    while True:
        sent, files, *_ = socket.recv_fds(calls, _LARGEST_CALL, 3)
        if not sent:
            return
        child = os.fork()
        if child == 0:
            calls.close()
            _call(json.loads(sent), files)
        for file in files:
            os.close(file)
        _, status = os.waitpid(child, 0)
        calls.send(str(os.waitstatus_to_exitcode(status)).encode())


def _call(call: dict[str, object], files: list[int]) -> None:
    """What the installed script does, in this process; does not come back."""
    for standard, file in enumerate(files):
        os.dup2(file, standard)
        os.close(file)
    os.environ.clear()
    os.environ.update(call["environment"])  # type: ignore[call-overload]  # written above as texts by name
    os.chdir(str(call["folder"]))
    sys.argv = ["fhir-service", *call["arguments"]]  # type: ignore[misc]  # written above as a list of texts
    code = 0
    try:
        main()
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def _warm_up() -> None:
    """Read what nearly every call would: the commands, the vocabularies and expressions of reports, the maps, the
    rules."""
    command_line()
    base = Settings().base
    mapped = map_report(
        Report(text=KYPHOPLASTY, source=Source(name="warm")), recorded="2026-01-31T12:00:00Z", base=base
    )
    assert not [issue for issue in all_issues(mapped.bundle, Conformance(base, {}), "") if issue.severity == "error"]


if __name__ == "__main__":
    from sample_reports import KYPHOPLASTY

    from fhir_service.cli import main
    from fhir_service.cli.commands import command_line
    from fhir_service.reports.report import Report, Source
    from fhir_service.settings import Settings
    from fhir_service.workflows.check_conformance import Conformance, all_issues
    from fhir_service.workflows.map_report import map_report

    _warm_up()
    _serve(socket.socket(fileno=int(sys.argv[1])))
