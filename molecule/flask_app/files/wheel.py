"""Write a wheel of a package that no index has, for the wheelhouse.

Usage:
    wheel.py DIRECTORY
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path

FILES = {
    "labparts.py": "VERSION = 7\n",
    "labparts-7.dist-info/METADATA": "Metadata-Version: 2.1\nName: labparts\nVersion: 7\n",
    "labparts-7.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    "labparts-7.dist-info/RECORD": "labparts.py,,\nlabparts-7.dist-info/METADATA,,\n"
    "labparts-7.dist-info/WHEEL,,\nlabparts-7.dist-info/RECORD,,\n",
}

directory = Path(sys.argv[1])
directory.mkdir(parents=True, exist_ok=True)
with zipfile.ZipFile(directory / "labparts-7-py3-none-any.whl", "w") as wheel:
    for name, content in FILES.items():
        # A time of its own, so that it is the same file each time.
        wheel.writestr(zipfile.ZipInfo(name, (2026, 1, 1, 0, 0, 0)), content)
