"""One file over HTTP, into memory: with a timeout, retries, a limit on its size and a progress bar."""

from __future__ import annotations

import http.client
import time
import urllib.error
import urllib.request

from tqdm import tqdm

SIZE_LIMIT = 64 * 2**20  # bytes; what a server claims about its file is not trusted
TIMEOUT = 10.0  # seconds without an answer, or without the next bytes
TIME_LIMIT = 600.0  # seconds for one file, all attempts included
PAUSES = (1.0, 3.0)  # seconds before the second and the third attempt


class DownloadError(OSError):
    """The data are not on this machine and could not be downloaded."""


def fetch(url: str) -> bytes:
    """The bytes behind ``url``, following redirects and the proxy settings of the environment.

    What may pass is tried again after each of ``PAUSES``: broken connections, stalls, HTTP 408, 429 and 5xx.
    What will not (404, a redirect loop, more than ``SIZE_LIMIT`` bytes) ends the work at once.

    Raises:  DownloadError with the last reason.
    """
    stop_at = time.monotonic() + TIME_LIMIT
    reason = ""
    for pause in (0.0, *PAUSES):
        if time.monotonic() + pause > stop_at:
            break
        time.sleep(pause)
        try:
            return _read(url, stop_at)
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
        except (OSError, http.client.HTTPException) as error:
            reason = str(error) or type(error).__name__
    raise DownloadError(f"{url}: {' '.join(reason.split())}")  # some reasons are of several lines


def _read(url: str, stop_at: float) -> bytes:
    # An opener of our own: one that a program has installed for itself stays out of it.
    with urllib.request.build_opener().open(url, timeout=TIMEOUT) as response:
        size = response.length  # None where the server does not say
        data = bytearray()
        name = url.rsplit("/", 1)[-1]
        with tqdm(total=size, desc=name, unit="B", unit_scale=True, leave=False, disable=None) as bar:
            while chunk := response.read1(2**16):  # read1 returns what has come, however little
                data += chunk
                bar.update(len(chunk))
                if len(data) > SIZE_LIMIT:
                    raise DownloadError(f"expected at most {SIZE_LIMIT} bytes, received more")
                if time.monotonic() > stop_at:
                    raise DownloadError(f"expected it within {TIME_LIMIT:g} s, received {len(data)} bytes")
    if size is not None and len(data) != size:
        raise ConnectionError(f"expected {size} bytes, received {len(data)}")
    return bytes(data)
