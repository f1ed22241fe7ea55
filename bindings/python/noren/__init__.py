"""The app core of Noren.

:class:`NorenApp` is what is opened; everything public of the three generated modules is here under one name too: ``noren_rules`` (values),
``noren_core`` (records and errors) and ``noren_ffi`` (errors, drawing). The shared library ``libnoren_ffi`` must lie beside them, in
``noren/generated``.
"""

from .generated.noren_rules import *  # noqa: F403
from .generated.noren_core import *  # noqa: F403
from .generated.noren_ffi import *  # noqa: F403
from .app import NorenApp  # noqa: F401
