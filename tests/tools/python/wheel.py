"""Writes a wheel as a package index would send it."""
import zipfile

info = "small-1.0.dist-info/"
with zipfile.ZipFile("small-1.0-py3-none-any.whl", "w") as wheel:
    wheel.writestr("small.py", "import unittest\ndef main(): print('a package')\nclass T(unittest.TestCase):\n def test(self): pass\n")
    wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: small\nVersion: 1.0\n")
    wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\nGenerator: hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(info + "entry_points.txt", "[console_scripts]\nsmall = small:main\n")
    wheel.writestr(info + "RECORD", "")
