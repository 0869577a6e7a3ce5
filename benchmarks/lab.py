"""The lab: how soon it is there, how fast it follows the pen, what it costs a training, what an exported file weighs.

Needs a browser: ``pip install playwright`` and Chromium as /usr/bin/chromium (``apt-get install chromium``).
"""

from __future__ import annotations

import contextlib
import gzip
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks import _common
from benchmarks._common import Json, say, summary
from benchmarks._drawings import drawings
from benchmarks._worker import ROOT

CHROMIUM = "/usr/bin/chromium"
EPOCHS = {"mnist": 2, "digits": 12}
# A look as the pen asks for it: the time from the image to the maps on the page, and the answer.
FOLLOW = """async ([strokes, size]) => {
  const { normalised } = await import(new URL("drawing.js", document.baseURI).href);
  const start = performance.now();
  await globalThis.lab.lookAt(normalised(strokes, size, true));
  const answer = globalThis.lab.answer();
  return [performance.now() - start, answer.label];
}"""
TRAINING = """
import sys, time
import tinycnn
from tinycnn import lab, models
from tinycnn.datasets import digits
from tinycnn.train.data import prepared

training, validation, _ = prepared("digits", *digits.load_data(), None)
tinycnn.set_random_seed(1)
model = models.batch_normalization()
model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
model.fit(*training, epochs=1, verbose=0)
for line in sys.stdin:
    watched = line.split()[0] == "open"
    epochs = int(line.split()[1])
    if watched:
        with lab.beside(model, training, validation, browser=False) as watch:
            sys.stdin.readline()  # the page is there
            start = time.perf_counter()
            model.fit(*training, epochs=epochs, verbose=0, callbacks=[watch])
            seconds = time.perf_counter() - start
    else:
        start = time.perf_counter()
        model.fit(*training, epochs=epochs, verbose=0)
        seconds = time.perf_counter() - start
    print("seconds", seconds, flush=True)
"""


def main(argv: Sequence[str] | None = None) -> int:
    p = _common.parser(__doc__)
    p.add_argument("--data", choices=("mnist", "digits"), default="mnist", help="that the model has learned from")
    p.add_argument("--rounds", type=_common.above_zero(int), help="starts, and trainings with and without the lab")
    arguments = p.parse_args(argv)
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        p.error("expected the package playwright, found none. Run pip install playwright")
    if not Path(CHROMIUM).exists():
        p.error(f"expected a browser at {CHROMIUM}, found none. Install Debian's chromium")
    target = _common.folder(arguments)
    result = _common.header("lab", sys.argv[1:] if argv is None else argv)
    rounds = arguments.rounds or (1 if arguments.quick else 5)
    epochs = 4 if arguments.quick else 20
    result["settings"] = {"rounds": rounds, "data": arguments.data, "watched epochs": epochs}
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        model, exported = Path(temporary) / "digits.keras", Path(temporary) / "digits.html"
        say(f"training a model on {arguments.data}")
        make_model(arguments.data, model, exported)
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        result["page_kb"], result["page_files_kb"] = page_kilobytes()
        result["exported_kb"] = exported.stat().st_size / 1000
        result["ready_ms"] = [ready(browser, exported.as_uri())[0] for _ in range(max(rounds, 3))]
        say("starting")
        result["start_s"] = [start_seconds(browser, model) for _ in range(rounds)]
        say("drawing")
        result |= drawn(browser, model)
        say("training with the lab and without")
        result |= trained(browser, rounds, epochs)
        browser.close()
    _common.write_json(target / "lab.json", result)
    plot(result, target / "lab.png")
    print(f"drawing to maps {_common.spread(result['follow_ms'], 0)} ms; read {result['read']} of {result['drawings']}")
    return 0


def make_model(data: str, path: Path, exported: Path) -> None:
    """The notebook's model with batch normalization after a short training."""
    code = (
        "import sys, tinycnn; from tinycnn import lab, models; from tinycnn.lab.images import images_for\n"
        "tinycnn.set_random_seed(42); model = models.batch_normalization()\n"
        f"training, _ = images_for(model, {data!r})\n"
        "model.compile('adam', 'sparse_categorical_crossentropy', metrics=['accuracy'])\n"
        f"model.fit(*training, epochs={EPOCHS[data]}, verbose=0)\n"
        "model.save(sys.argv[1]); lab.export(model, sys.argv[2])\n"
    )
    subprocess.run([sys.executable, "-c", code, str(path), str(exported)], check=True, cwd=ROOT)


def page_kilobytes() -> tuple[float, float]:
    """Packed by gzip: the page of an exported file without its model, and the program's, whose files go one by one."""
    from tinycnn.lab.export import page_with

    page = ROOT / "tinycnn" / "lab" / "page"
    files = [path.read_bytes() for path in page.rglob("*") if path.suffix in (".html", ".css", ".js", ".svg")]
    return len(gzip.compress(page_with({}).encode(), 9)) / 1000, sum(len(gzip.compress(f, 9)) for f in files) / 1000


@contextlib.contextmanager
def program(model: Path) -> Iterator[str]:
    """The lab's address."""
    command = [sys.executable, "-m", "tinycnn.lab", str(model), "--no-browser"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        try:
            yield address(process)
        finally:
            process.terminate()


def address(process: Any) -> str:
    for line in process.stdout:
        found = re.search(r"http://127\.0\.0\.1:\d+/", line)
        if found:
            return found[0]
    raise RuntimeError("lab: expected its address, received none. Run python -m tinycnn.lab by hand.")


def ready(browser: Any, url: str) -> tuple[float, Any, list[str]]:
    """Milliseconds until the page has its first picture; the page, and what it asked for elsewhere."""
    page = browser.new_page(viewport={"width": 1280, "height": 900})
    elsewhere: list[str] = []
    page.on("request", lambda r: elsewhere.append(r.url) if not r.url.startswith((url, "data:", "blob:")) else None)
    start = time.perf_counter()
    page.goto(url)
    page.locator("html[data-ready=yes]").wait_for(timeout=60000)
    return 1e3 * (time.perf_counter() - start), page, elsewhere


def start_seconds(browser: Any, model: Path) -> float:
    """From the command to the first picture, in a browser that is open."""
    start = time.perf_counter()
    with program(model) as url:
        _, page, _ = ready(browser, url)
        seconds = time.perf_counter() - start
        page.close()
    return seconds


def drawn(browser: Any, model: Path) -> Json:
    """The time from a drawing to its maps, alone and while the model trains; and which drawings are read."""
    found: Json = {}
    several = drawings()
    with program(model) as url:
        _, page, elsewhere = ready(browser, url)
        size = page.evaluate("globalThis.lab.imageSize")
        looks = [page.evaluate(FOLLOW, [strokes, size]) for _, strokes in several]
        found |= {
            "follow_ms": [ms for ms, _ in looks],
            "drawings": len(several),
            "read": sum(label == str(digit) for (digit, _), (_, label) in zip(several, looks, strict=True)),
        }
        page.evaluate("globalThis.lab.source.train()")
        while not page.evaluate("globalThis.lab.source.training().then(({ version }) => version)"):
            time.sleep(0.1)
        looks = [page.evaluate(FOLLOW, [strokes, size]) for _, strokes in several]
        found |= {"follow_training_ms": [ms for ms, _ in looks], "requests_elsewhere": len(elsewhere)}
        page.close()
    return found


def trained(browser: Any, rounds: int, epochs: int) -> Json:
    """Seconds of the same training in turn without the lab and with its page open."""
    seconds: dict[str, list[float]] = {"alone": [], "open": []}
    with subprocess.Popen(
        [sys.executable, "-c", TRAINING], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as process:
        told, said = process.stdin, process.stdout
        assert told is not None
        assert said is not None

        def ask(line: str) -> None:
            told.write(f"{line}\n")
            told.flush()

        def answered() -> float:
            return next(float(line.split()[1]) for line in said if line.startswith("seconds"))

        for _ in range(rounds):
            ask(f"alone {epochs}")
            seconds["alone"].append(answered())
            ask(f"open {epochs}")
            _, page, _ = ready(browser, address(process))
            ask("go")
            seconds["open"].append(answered())
            page.close()
        told.close()
    return {"training_s": seconds, "slowed": _common.ratios(seconds["open"], seconds["alone"])}


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of all does not exceed."""
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


def plot(result: Json, path: Path) -> None:
    figure, ax = _common.new_figure(8, 4)
    parts = {"alone": result["follow_ms"], "while it trains": result["follow_training_ms"]}
    for number, (name, values) in enumerate(parts.items()):
        shares = [(k + 1) / len(values) for k in range(len(values))]
        ax.plot(sorted(values), shares, label=name, lw=2, ls="--" if number else "-")
    ax.set_xlabel("ms from a drawing to its maps")
    ax.set_ylabel("share of the drawings")
    ax.set_xlim(0)
    ax.legend(frameon=False, loc="lower right")
    ax.set_title(f"{summary(result['follow_ms'])['median']:.0f} ms in the median", loc="left")
    _common.save_figure(figure, result, path)


if __name__ == "__main__":
    sys.exit(main())
