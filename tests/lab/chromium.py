"""A headless Chromium that shows pages in files, controlled over its debugging protocol.

    with Chromium(lab) as browser:
        browser.open(path, width=800, scheme="dark")
        browser.evaluate("document.title")
    browser.requests, browser.complaints            of all pages so far
        path.write_bytes(browser.png(2000))

The protocol goes over pipes (--remote-debugging-pipe): no port is used.
"""

import base64
import contextlib
import fcntl
import json
import os
import signal
import subprocess
import time
from pathlib import Path
from shutil import which
from unittest import SkipTest

from . import wait
from .lab import Lab
from .process import MARK

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
         "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
         "--force-color-profile=srgb"]


class Chromium:
    def __init__(self, lab: Lab) -> None:
        program = which("chromium")
        if program is None:
            raise SkipTest("needs Chromium")
        to_browser, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        folder = lab.new_folder("chromium")
        # The browser reads descriptor 3 and writes 4; the shell sets them up, so both pipes must have higher numbers
        # before.
        ends = [fcntl.fcntl(end, fcntl.F_DUPFD, 10) for end in (to_browser, from_browser)]
        script = f'exec "$@" 3<&{ends[0]} 4>&{ends[1]} {ends[0]}<&- {ends[1]}>&-'
        self.log = folder / "log"
        with self.log.open("wb") as log:
            self._process = subprocess.Popen(
                ["bash", "-c", script, "bash", program, *FLAGS, "--remote-debugging-pipe", f"--user-data-dir={folder}/profile",
                 "about:blank"], pass_fds=ends, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                env={**os.environ, "HOME": str(folder), MARK: str(lab.folder)})
        for end in (to_browser, from_browser, *ends):
            os.close(end)
        self._buffer = b""
        self._last = 0
        self._loaded = 0  # pages so far
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self._session: str | None = None
        lab.at_end(self.stop)
        target = self._ask("Target.createTarget", url="about:blank")["targetId"]
        self._session = self._ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self._ask(f"{domain}.enable")

    def stop(self) -> None:
        """Close it, and wait until none of its processes writes into its directory any more."""
        if self._process.poll() is not None:
            return
        self._session = None
        with contextlib.suppress(OSError, RuntimeError):
            self._ask("Browser.close")
        self._process.kill()
        self._process.wait()
        os.close(self._to)
        os.close(self._from)
        for pid in self._helpers():
            with contextlib.suppress(ProcessLookupError):
                pidfd = os.pidfd_open(pid)
                try:
                    signal.pidfd_send_signal(pidfd, signal.SIGKILL)
                    wait.for_end(pidfd, 10, "the end of a helper of Chromium")
                finally:
                    os.close(pidfd)

    def _helpers(self) -> list[int]:
        """The processes that it started: they are in its session. Their environment is gone, because they overwrite it.
        """
        found = []
        for entry in Path("/proc").iterdir():
            with contextlib.suppress(OSError):
                if entry.name.isdigit() and os.getsid(int(entry.name)) == self._process.pid:
                    found.append(int(entry.name))
        return found

    def _message(self, deadline: float) -> dict:
        while b"\0" not in self._buffer:
            if time.monotonic() > deadline:
                raise TimeoutError(self.log.read_text(errors="replace"))
            piece = os.read(self._from, 1 << 20)
            if not piece:
                raise RuntimeError(f"Chromium has ended: {self.log.read_text(errors='replace')}")
            self._buffer += piece
        message, _, self._buffer = self._buffer.partition(b"\0")
        return json.loads(message)

    def _ask(self, method: str, **parameters: object) -> dict:
        self._last += 1
        question = {"id": self._last, "method": method, "params": parameters}
        if self._session is not None:
            question["sessionId"] = self._session
        os.write(self._to, json.dumps(question).encode() + b"\0")
        deadline = time.monotonic() + 60
        while True:
            message = self._message(deadline)
            self._note(message.get("method"), message.get("params", {}))
            if message.get("id") == self._last:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']}")
                return message["result"]

    def _note(self, event: str | None, parameters: dict) -> None:
        """That a page is complete, what it requests, or complains of."""
        if event == "Page.loadEventFired":
            self._loaded += 1
        elif event == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            details = parameters["exceptionDetails"]
            self.complaints.append(details.get("exception", {}).get("description", details["text"]))
        elif event == "Runtime.consoleAPICalled":
            self.complaints.append(str(parameters["args"]))
        elif event == "Log.entryAdded" and parameters["entry"]["level"] in ("warning", "error"):
            self.complaints.append(parameters["entry"]["text"])

    def scripts(self, allowed: bool) -> None:
        """Whether pages that are opened from now on may run scripts."""
        self._ask("Emulation.setScriptExecutionDisabled", value=not allowed)

    def click(self, selector: str) -> None:
        """Click with the mouse in the middle of the first such element."""
        x, y = self.evaluate(f"(e => (e.scrollIntoView({{block: 'center'}}), (b => [b.x + b.width / 2, b.y + b.height / 2])"
                             f"(e.getBoundingClientRect())))(document.querySelector({json.dumps(selector)}))")
        for kind in ("mousePressed", "mouseReleased"):
            self._ask("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def open(self, page: Path, *, width: int = 900, scheme: str = "light", medium: str = "screen") -> None:
        """Show the page in a window of the same height."""
        self._ask("Emulation.setEmulatedMedia", media=medium,
                  features=[{"name": "prefers-color-scheme", "value": scheme}])
        self._size(width, 1000)
        before = self._loaded
        self._ask("Page.navigate", url=page.resolve().as_uri())
        deadline = time.monotonic() + 60
        while self._loaded == before:
            message = self._message(deadline)
            self._note(message.get("method"), message.get("params", {}))
        self._size(width, int(self.evaluate("document.documentElement.scrollHeight")))

    def _size(self, width: int, height: int) -> None:
        self._ask("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def evaluate(self, expression: str) -> object:
        """The value of a JavaScript expression in the page; waits for a promise."""
        result = self._ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in result:
            raise RuntimeError(str(result["exceptionDetails"]))
        return result["result"].get("value")

    def scheme(self, scheme: str) -> None:
        """Show the open page with the preference "light" or "dark"."""
        self._ask("Emulation.setEmulatedMedia", media="screen", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def png(self, max_height: int) -> bytes:
        """A picture of the page from its top, of at most this height."""
        width, height = self.evaluate("[innerWidth, innerHeight]")
        self._size(width, min(height, max_height))
        picture = self._ask("Page.captureScreenshot", format="png", optimizeForSpeed=True)["data"]
        self._size(width, height)
        return base64.b64decode(picture)

    def pdf(self) -> bytes:
        """The page on A4 paper, without backgrounds except those that the page demands."""
        self._ask("Emulation.setEmulatedMedia", media="", features=[{"name": "prefers-color-scheme", "value": "dark"}])
        return base64.b64decode(self._ask("Page.printToPDF", preferCSSPageSize=True, paperWidth=8.27, paperHeight=11.69)["data"])
