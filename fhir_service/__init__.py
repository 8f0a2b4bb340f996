"""Case reports of complications after vertebral augmentation, as FHIR R4 with source spans."""

__version__ = "0.1.0"
