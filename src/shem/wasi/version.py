"""The release of WASI 0.2 that the interfaces here implement. Imports of any 0.2.x up to it link."""

VERSION = "0.2.12"
