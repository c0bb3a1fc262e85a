"""When `kaiwuctl create api` writes a file: the conditions of the rows of api_files.py, each of one API."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kaiwuctl.scaffold.context import APIContext


def resource(context: APIContext) -> bool:
    """Return whether its type is written."""
    return context.resource


def controller(context: APIContext) -> bool:
    """Return whether its controller is written."""
    return context.controller


def both(context: APIContext) -> bool:
    """Return whether its controller and its type, which has no image and was not made from a CRD, are written."""
    return context.resource and context.controller and not context.imported and not context.image


def imported(context: APIContext) -> bool:
    """Return whether its controller and its type, which was made from a CRD, are written."""
    return context.resource and context.controller and context.imported


def own_type(context: APIContext) -> bool:
    """Return whether its type is written and has no image."""
    return context.resource and not context.image


def image_type(context: APIContext) -> bool:
    """Return whether its type is written and has an image."""
    return context.resource and context.image != ""


def plain_controller(context: APIContext) -> bool:
    """Return whether its controller is written and does not run the image of the kind."""
    return context.controller and not context.image_controller


def image_controller(context: APIContext) -> bool:
    """Return whether its controller is written and runs the image of the kind."""
    return context.controller and context.image_controller


def image_test(context: APIContext) -> bool:
    """Return whether its type, and its controller that runs the image, are written."""
    return context.resource and image_controller(context)


def external(context: APIContext) -> bool:
    """Return whether its kind belongs to another project."""
    return context.external


def external_module(context: APIContext) -> bool:
    """Return whether the type of another project's kind is written below api/external."""
    return context.external and context.api_folder != ""


def external_controller(context: APIContext) -> bool:
    """Return whether a controller for another project's kind is written."""
    return context.external and context.controller


def group_folder(context: APIContext) -> bool:
    """Return whether its type is written into the folder of its group."""
    return context.resource and context.multigroup and context.group_snake != ""
