"""What every test needs first: the root on the path, quiet TensorFlow with Keras 2, and the project's options."""

import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("TF_USE_LEGACY_KERAS", "1")
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


def pytest_addoption(parser):
    parser.addoption(
        "--all_lines",
        action="store_true",
        default=False,
        help="Check every line of the real corpora and of the tests' tables, not a sample (minutes).",
    )
