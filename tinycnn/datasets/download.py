"""One file over HTTP, into memory: with a timeout, retries, a limit on its size and a progress bar."""

from __future__ import annotations

import http.client
import queue
import threading
import time
import urllib.error
import urllib.request

from tqdm import tqdm

SIZE_LIMIT = 64 * 2**20  # bytes; what a server claims about its file is not trusted
TIMEOUT = 10.0  # seconds without an answer, or without the next bytes
TIME_LIMIT = 600.0  # seconds for all files of one mirror, all attempts included
PAUSES = (1.0, 3.0)  # seconds before the second and the third attempt


class DownloadError(OSError):
    """The data are not on this machine and could not be downloaded."""


def fetch(url: str, stop_at: float | None = None, size_limit: int | None = None) -> bytes:
    """The bytes behind ``url``, following redirects and the proxy settings of the environment.

    What may pass is tried again after each of ``PAUSES``: broken connections, stalls, HTTP 408, 429 and 5xx.
    What will not (404, a redirect loop or one away from HTTP, more than ``size_limit`` bytes, by default
    ``SIZE_LIMIT``) ends the work at once, and so does the time ``stop_at`` of ``time.monotonic()``, by default
    ``TIME_LIMIT`` from now.

    Raises:  DownloadError with the last reason.
    """
    stop_at = time.monotonic() + TIME_LIMIT if stop_at is None else stop_at
    size_limit = SIZE_LIMIT if size_limit is None else size_limit
    reason = f"expected it within {TIME_LIMIT:g} s, none are left"
    for pause in (0.0, *PAUSES):
        if time.monotonic() + pause > stop_at:
            break
        time.sleep(pause)
        try:
            return _read(url, stop_at, size_limit)
        except DownloadError as error:
            reason = str(error)
            break
        except urllib.error.HTTPError as error:
            error.close()
            reason = f"HTTP {error.code} {error.reason}"
            if error.code not in (408, 429) and error.code < 500:
                break
        except urllib.error.URLError as error:
            reason = str(error.reason)
            if isinstance(error.reason, TimeoutError):  # no connection at all: waiting again seldom helps
                break
        except (OSError, http.client.HTTPException, RuntimeError) as error:  # RuntimeError: no more threads
            reason = str(error) or type(error).__name__
    raise DownloadError(f"{url}: {' '.join(reason.split())[:300]}")  # some reasons are of several lines


def _read(url: str, stop_at: float, size_limit: int) -> bytes:
    """The bytes behind ``url``, if they have all come by the time ``stop_at``.

    They come in a thread of its own, which is left behind when the time is up: a server that sends a byte now and then
    meets every timeout, in its headers too, and the look-up of its name has none.
    """
    data = bytearray()
    given_up = threading.Event()
    outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()

    def work() -> None:
        try:
            _receive(url, data, given_up, size_limit)
        except Exception as error:
            outcome.put(error)
        else:
            outcome.put(None)

    threading.Thread(target=work, daemon=True).start()
    try:
        error = outcome.get(timeout=max(stop_at - time.monotonic(), 0))
    except queue.Empty:
        raise DownloadError(f"expected it within {TIME_LIMIT:g} s, received {len(data)} bytes") from None
    finally:
        given_up.set()
    if error is not None:
        raise error
    return bytes(data)


def _receive(url: str, data: bytearray, given_up: threading.Event, size_limit: int) -> None:
    """Append the bytes behind ``url`` to ``data`` as they come."""
    with _opener().open(url, timeout=TIMEOUT) as response:
        size = response.length  # None where the server does not say
        name = url.rsplit("/", 1)[-1]
        with tqdm(total=size, desc=name, unit="B", unit_scale=True, leave=False, disable=None) as bar:
            while (chunk := response.read1(2**16)) and not given_up.is_set():  # what has come, however little
                data += chunk
                bar.update(len(chunk))
                if len(data) > size_limit:
                    raise DownloadError(f"expected at most {size_limit} bytes, received more")
    if size is not None and len(data) != size:
        raise ConnectionError(f"expected {size} bytes, received {len(data)}")


def _opener() -> urllib.request.OpenerDirector:
    """HTTP and HTTPS, with redirects and proxies, and nothing else: no file, no FTP, and no opener that a program has
    installed for itself."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler,
        urllib.request.HTTPHandler,
        urllib.request.HTTPSHandler,
        urllib.request.HTTPRedirectHandler,
        urllib.request.HTTPErrorProcessor,
        urllib.request.HTTPDefaultErrorHandler,
        urllib.request.UnknownHandler,
    ):
        opener.add_handler(handler())
    return opener
