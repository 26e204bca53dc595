"""What a manifest says and holds, as tables of text: behind ``inspect`` and the end of ``build``."""

from actiseg_noise.report.describe import Section, describe, describe_noises, describe_severity
from actiseg_noise.report.inspection import Inspection, inspect_manifest

__all__ = ["Inspection", "Section", "describe", "describe_noises", "describe_severity", "inspect_manifest"]
