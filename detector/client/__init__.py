"""A client of the service, and its asynchronous twin (extra ``client``).

>>> from detector.client import Client  # doctest: +SKIP
>>> with Client("http://127.0.0.1:8000", key="srd_...") as client:  # doctest: +SKIP
...     for verdict in client.score(["Typists wanted in Poipet, ticket paid"]):
...         print(verdict.band, verdict.error)

Both say the same: what is asked, what is repeated and how answers are read is written once, in :mod:`detector.client.talks`,
without any input or output; each client only carries it out.
"""

from detector.errors import MissingExtraError

try:
    import httpx2  # noqa: F401
except ImportError as error:
    raise MissingExtraError("httpx2", "client") from error

from detector.client.answers import Batch, BatchRow, Counts, Limits, Model
from detector.client.asynchronous import AsyncClient
from detector.client.retries import Retries
from detector.client.synchronous import Client
from detector.client.talks import BatchOptions, Options

__all__ = ["AsyncClient", "Batch", "BatchOptions", "BatchRow", "Client", "Counts", "Limits", "Model", "Options", "Retries"]
