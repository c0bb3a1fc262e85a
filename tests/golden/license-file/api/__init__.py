# Copyright 2026 The Kaiwu Authors.
#
# All rights reserved.

"""The API types, one package per version; `kaiwuctl create api` adds them."""
