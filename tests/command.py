"""The command that the environment of the tests has installed."""

import sys
from pathlib import Path

COMMAND = Path(sys.executable).with_name("fhir-service")
