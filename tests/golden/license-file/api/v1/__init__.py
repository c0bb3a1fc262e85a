# Copyright 2026 The Kaiwu Authors.
#
# All rights reserved.

"""Types of kaiwu.inspur.com/v1."""
