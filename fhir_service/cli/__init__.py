"""The command fhir-service: what a person types, one call each, and what they read.

An error is one clear sentence on stderr. Exit codes: 0 done, 1 done but something was found wrong, 2 not done.
"""

from __future__ import annotations

import gc
import os
import sys

from fhir_service.cli.commands import command_line
from fhir_service.cli.console import errors
from fhir_service.definitions.catalogue import BrokenArtifact, UnknownArtifact
from fhir_service.fhir.errors import FhirError

__all__ = ["main"]


def main() -> None:
    """Run the command line. A fault of ours is one sentence too; its traceback is for FHIR_SERVICE_LOG_LEVEL=debug."""
    gc.disable()  # modules stay for good: to look for garbage among them takes a tenth of the start
    try:
        app = command_line(sys.argv[1:])
        gc.freeze()
        gc.enable()
        app()
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # `map ... | head`
        sys.stderr.close()
        sys.exit(1)
    except (FhirError, BrokenArtifact, UnknownArtifact) as error:  # a map or definition that somebody has edited
        errors.print(str(error))
        sys.exit(2)
    except Exception as error:  # the last resort
        if os.environ.get("FHIR_SERVICE_LOG_LEVEL", "").lower() == "debug":
            raise
        errors.print(
            f"fhir-service failed ({type(error).__name__}). This is a fault of ours: please report it, with what "
            "FHIR_SERVICE_LOG_LEVEL=debug prints."
        )
        sys.exit(2)
