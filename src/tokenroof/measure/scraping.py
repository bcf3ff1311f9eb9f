"""Two looks at the metrics of a server that runs, over http, where a user asks for it. The only door to a network here.

A GET and nothing else: no redirect to another host, no credentials, a limit on time and on size.
"""

import time
import urllib.error
import urllib.request
from collections.abc import Callable
from urllib.parse import urlsplit

from tokenroof.errors import InputError

__all__ = ["scraped"]

_MOST_BYTES = 20_000_000
_TIMEOUT_S = 10.0


class _SameHost(urllib.request.HTTPRedirectHandler):
    """Follows a redirect only to the host and scheme that were asked."""

    def redirect_request(self, req, fp, code, msg, headers, newurl):  # type: ignore[no-untyped-def]
        asked, other = urlsplit(req.full_url), urlsplit(newurl)
        if (asked.scheme, asked.netloc) != (other.scheme, other.netloc):
            fp.close()
            raise urllib.error.URLError(f"it redirects to another host, {other.netloc[:60]}")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _address(url: str) -> str:
    try:
        parts = urlsplit(url.strip())
        port = parts.port  # a ValueError where it is no number
    except ValueError:
        raise InputError("url", url, "an address such as http://127.0.0.1:8000/metrics") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or port == 0:
        raise InputError("url", url, "http or https", "such as http://127.0.0.1:8000/metrics")
    if parts.username or parts.password:
        raise InputError("url", parts.hostname, "an address without a user or a password")
    return url.strip() if parts.path not in ("", "/") else f"{parts.scheme}://{parts.netloc}/metrics"


def _get(url: str) -> str:
    opener = urllib.request.build_opener(_SameHost, urllib.request.ProxyHandler({}))
    try:
        with opener.open(urllib.request.Request(url, method="GET"), timeout=_TIMEOUT_S) as answer:
            data: bytes = answer.read(_MOST_BYTES + 1)
    except (OSError, ValueError) as error:
        if isinstance(error, urllib.error.HTTPError):
            error.close()
        reason = getattr(error, "reason", error)
        raise InputError("url", url, "a server that answers", " ".join(str(reason).split())[:120]) from None
    if len(data) > _MOST_BYTES:
        raise InputError("url", url, f"an answer of at most {_MOST_BYTES:,} bytes")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        raise InputError("url", url, "metrics in UTF-8 text") from None


def scraped(url: str, interval_s: float, wait: Callable[[float], None] = time.sleep) -> str:
    """Two scrapes of a server, so many seconds one after the other, in one text."""
    address = _address(url)
    first = _get(address)
    wait(interval_s)
    return f"{first}\n{_get(address)}"
