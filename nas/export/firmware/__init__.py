"""The firmware folder of a delivery: fixed sources, and those generated from the model."""

from nas.export.firmware.sources import FirmwareModel, arena_with_margin, describe_host, read_firmware, render_firmware

__all__ = ["FirmwareModel", "arena_with_margin", "describe_host", "read_firmware", "render_firmware"]
