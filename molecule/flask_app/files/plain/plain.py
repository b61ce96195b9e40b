"""An application of one line."""

VERSION = "plain"
