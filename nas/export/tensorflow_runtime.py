"""The one place that imports tensorflow: quietly, on the CPU, with Keras on the TensorFlow backend."""

from __future__ import annotations

import os
import sys
from typing import Any

from nas.errors import SettingError
from nas.export.native_stderr import native_stderr_captured


def load_tensorflow() -> Any:
    """The tensorflow module, imported at first use (4-8 s, about 600 MB of memory)."""
    if "tensorflow" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "tensorflow"
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "0")  # the same float sums on every CPU
    with native_stderr_captured():  # two lines about logging and CUDA ignore every log level
        try:
            import tensorflow
        except ImportError as error:
            rule = "the int8 export needs tensorflow"
            raise SettingError(f"{rule}, which cannot be imported ({error}); install it anew") from error
        tensorflow.config.set_visible_devices([], "GPU")  # torch owns the GPU; tensorflow would take all its memory
        if tensorflow.keras.backend.backend() != "tensorflow":
            raise SettingError("Keras must run on tensorflow; another backend was loaded before; unset KERAS_BACKEND")
    return tensorflow
