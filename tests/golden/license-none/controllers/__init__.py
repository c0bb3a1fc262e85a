"""The controllers. main.py runs every Reconciler in a `*_controller.py` module below this package."""
