"""The version of this distribution: apart, so that modules below the public face can name it."""

__version__ = "0.1.0"
