"""Requests in time: what arrives (synthetic or from traces), how a scheduler serves it, what a prefix cache finds.

`tokenroof.simulate(...)` is the verb and `tokenroof.simulate.run` a module of this package: the package can be called.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


class _Verb(ModuleType):
    """This package, which answers as the verb where it is called."""

    def __call__(self, *args: Any, **options: Any) -> Any:
        return import_module("tokenroof.api.verbs").simulate(*args, **options)


sys.modules[__name__].__class__ = _Verb
